// One run: what it did, where its time went, and which push it was for.

import { delivery_address, run_address } from "./address.js";
import { ApiError, ask } from "./api.js";
import { lane_name, lane_result } from "./delivery_words.js";
import { element, set_attribute, set_line, set_text } from "./element.js";
import { bytes, milliseconds, moment } from "./format.js";
import { Progress } from "./progress.js";
import { text } from "./texts.js";
import { timeline } from "./timeline.js";
import { fact_rows, known_facts, moving_wait_ms, settled_wait_ms, View } from "./view.js";

function outcome_of(run) {
  if (run.state === "running") return ["calm", text("run_running")];
  if (run.state === "interrupted") return ["warn", text("run_interrupted")];
  if (run.code_status !== 0) return ["bad", `${run.code_status} ${run.error ?? ""}`];
  return ["good", run.plan ?? text("run_done")];
}

function cause_of({ delivery_id: id }) {
  return id === null ? null : element("a", { href: delivery_address(id) }, text("delivery_number", { id }));
}

function facts_of(run, delivery) {
  const way = run.sync_direct === "to_outer" ? "internal → external" : "external → internal";
  const waited_ms = delivery === null ? null : new Date(run.started_at) - new Date(delivery.received_at);
  return known_facts([
    [text("repository"), run.repo_name],
    [text("fact_direction"), way],
    [text("fact_trigger"), run.trigger],
    [text("delivery"), cause_of(run)],
    [text("fact_waited"), waited_ms === null ? null : milliseconds(Math.max(0, waited_ms))],
    [text("fact_started"), moment(run.started_at)],
    [text("fact_finished"), moment(run.finished_at)],
    [text("fact_duration"), run.state === "finished" ? milliseconds(run.duration_ms) : null],
    [text("fact_source"), run.source_tip],
    [text("fact_before"), run.target_tip_before],
    [text("fact_after"), run.target_tip_after],
    [text("fact_pack"), run.pack_bytes > 0 ? bytes(run.pack_bytes) : null],
  ]);
}

/** The other refs of the same push, each with what came of it. */
function sibling(lane) {
  const { kind, said } = lane_result(lane);
  const name = lane.run_id === null ? lane_name(lane) : element("a", { href: run_address(lane.run_id) }, lane_name(lane));
  return element("li", { class: kind }, name, ` · ${said}`);
}

export class Run extends View {
  #id;
  #shown = "";
  #delivery = null;
  #outcome = element("p", { class: "fate", role: "status" });
  #progress = new Progress();
  #phases = element("div");
  #log = element("pre", { class: "log", tabindex: "0" });
  #siblings = element("ul", { class: "steps" });
  #facts = element("dl");
  #parts;

  constructor({ id }) {
    super(text("run_number", { id }));
    this.#id = id;
    set_attribute(this.#log, "aria-label", text("run_log"));
    this.#parts = element("div", {}, this.#outcome, this.#progress.node, this.#phases,
      element("h3", {}, text("run_log")), this.#log,
      element("h3", {}, text("run_siblings")), this.#siblings,
      element("h3", {}, text("run_facts")), this.#facts);
    this.#parts.hidden = true;
    this.node.append(this.#parts);
  }

  async look(signal) {
    if (!(await this.question.ask(`cerobot/sync/runs/${this.#id}`, signal))) return;
    const run = this.question.body.data;
    this.#progress.update(run.progress);
    const wanted = JSON.stringify({ ...run, progress: null });
    if (this.#shown === wanted) return;
    this.#delivery = await this.#cause(run, signal);
    if (signal.aborted) return;
    this.#shown = wanted;
    this.#show(run);
  }

  wait_ms() {
    return this.question.body.data.state === "running" ? moving_wait_ms : settled_wait_ms;
  }

  /** The delivery that the run was for; null where there is none, or no longer. */
  async #cause(run, signal) {
    if (run.delivery_id === null) return null;
    try {
      return (await ask(`cerobot/sync/deliveries/${run.delivery_id}`, { signal })).body.data;
    } catch (error) {
      if (error instanceof ApiError && error.kind === "refused") return null;
      throw error;
    }
  }

  #show(run) {
    set_line(this.note, "");
    this.#parts.hidden = false;
    this.head(`${text("run_number", { id: this.#id })}: ${run.repo_name} ${lane_name(run)}`);
    const [kind, said] = outcome_of(run);
    set_attribute(this.#outcome, "class", `fate ${kind}`);
    set_text(this.#outcome, said);
    this.#phases.replaceChildren(...(run.phases.length > 0 ? [timeline(run.phases)] : []));
    set_text(this.#log, run.log || text("run_no_log"));
    const others = (this.#delivery?.lanes ?? []).filter((lane) => lane.lane_id !== run.lane_id);
    this.#siblings.replaceChildren(...others.map(sibling));
    this.#siblings.hidden = this.#siblings.previousElementSibling.hidden = others.length === 0;
    this.#facts.replaceChildren(...fact_rows(facts_of(run, this.#delivery)));
  }
}
