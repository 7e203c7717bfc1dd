// What is asked for of one branch alone: all that the status says of it, and its last runs.

import { Actions } from "./actions.js";
import { deliveries_address, delivery_address, run_address } from "./address.js";
import { ApiError, ask } from "./api.js";
import { element, set_text } from "./element.js";
import { bytes, milliseconds, moment, when } from "./format.js";
import { text } from "./texts.js";

const shown_runs = 10;
/** Branches of a whole repository have no id that the log could be asked by: they are looked for among its last runs. */
const searched_runs = 100;

async function runs_of(row) {
  const log = `cerobot/sync/repo/${encodeURIComponent(row.repo_name)}/logs`;
  if (row.branch_id !== null) {
    return (await ask(`${log}?page_size=${shown_runs}&branch_id=${row.branch_id}`)).body.data;
  }
  const { body } = await ask(`${log}?page_size=${searched_runs}`);
  return body.data.filter((run) => run.lane_id === row.id).slice(0, shown_runs);
}

function outcome_of(run) {
  if (run.state !== "finished") return text(run.state === "running" ? "run_running" : "run_interrupted");
  if (run.code_status !== 0) return `${run.code_status} ${run.error ?? ""}`;
  return run.plan ?? text("run_done");
}

/** The delivery that a run was for. */
function cause_of(run) {
  if (run.delivery_id === null) return [];
  return [" · ", element("a", { href: delivery_address(run.delivery_id) }, text("run_delivery", { id: run.delivery_id }))];
}

/** Where to look for a push that was not synced: by each of the names that it may have come under. */
function delivery_links(row) {
  const names = new Set([row.internal_branch_name, row.external_branch_name]);
  return [...names].map((name) =>
    element("a", { href: deliveries_address({ repository: row.repo_name, search: name }) }, text("deliveries_of", { name })));
}

function run_item(run) {
  const facts = [outcome_of(run), run.trigger];
  if (run.pack_bytes > 0) facts.push(bytes(run.pack_bytes));
  if (run.state === "finished") facts.push(milliseconds(run.duration_ms));
  const time = element("time", { datetime: run.started_at, title: moment(run.started_at) }, when(run.started_at));
  const link = element("a", { href: run_address(run.id) }, text("run_number", { id: run.id }));
  const kind = run.code_status === 0 ? "good" : "bad";
  const item = element("li", { class: kind }, link, " · ", time, ` · ${facts.join(" · ")}`, ...cause_of(run));
  if (run.code_status !== 0 && run.log) item.append(element("p", { class: "reason" }, run.log));
  return item;
}

/** The part of a row that is shown on demand. */
export class Details {
  #facts = element("dl");
  #runs = element("ul", { class: "runs" });
  #note = element("p", { role: "status" });
  #deliveries = element("p", { class: "line" });
  #known = null;
  #actions;
  node = element("div", { class: "details" });

  /** `on_change` is called when something may have been changed. */
  constructor(on_change) {
    this.#runs.hidden = true;
    this.#actions = new Actions(on_change);
    this.node.append(this.#actions.node, this.#facts, this.#deliveries, element("h3", {}, text("runs")), this.#note, this.#runs);
  }

  /** Reads the log where a run has ended since it was read. */
  update(row) {
    this.#actions.update(row);
    if (this.#deliveries.childElementCount === 0) this.#deliveries.append(...delivery_links(row));
    this.#show_facts(row);
    const state = `${row.id} ${row.last_run_at}`;
    if (this.#known === state) return;
    this.#known = state;
    this.#read(row);
  }

  #show_facts(row) {
    const facts = [
      ["fact_source", row.source_tip ?? text("unknown")],
      ["fact_target", row.target_tip ?? text("unknown")],
      ["fact_last_success", row.last_success_at ? moment(row.last_success_at) : text("none")],
    ];
    if (row.next_retry_at !== null) facts.push(["fact_next_retry", moment(row.next_retry_at)]);
    if (row.reason !== null) facts.push(["fact_reason", row.reason]);
    if (row.id !== null) facts.push(["fact_lane", String(row.id)]);
    const wanted = JSON.stringify(facts);
    if (this.#facts.dataset.shown === wanted) return;
    this.#facts.dataset.shown = wanted;
    this.#facts.replaceChildren(
      ...facts.flatMap(([key, value]) => [element("dt", {}, text(key)), element("dd", {}, value)]),
    );
  }

  async #read(row) {
    set_text(this.#note, this.#runs.hidden ? text("runs_loading") : "");
    try {
      const runs = await runs_of(row);
      this.#runs.replaceChildren(...runs.map(run_item));
      this.#runs.hidden = runs.length === 0;
      set_text(this.#note, runs.length === 0 ? text("runs_none") : "");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#known = null;
      set_text(this.#note, text("runs_failed", { detail: error.message }));
    }
  }
}
