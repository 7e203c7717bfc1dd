// One branch: the row, and below it its details.

import { Details } from "./details.js";
import { element, set_attribute, set_line, set_text } from "./element.js";
import { count, duration, moment, short_id, when } from "./format.js";
import { Progress } from "./progress.js";
import { Strip } from "./strip.js";
import { text } from "./texts.js";

const signs = {
  in_sync: "✓",
  pending: "…",
  retrying: "↻",
  failed: "✕",
  diverged: "≠",
  never_synced: "○",
  disabled: "–",
  quarantined: "!",
};

/** As the API's `state` has it: what diverged is apart from other failures. */
export const state_of = (row) => (row.status === "failed" && row.error === "diverged" ? "diverged" : row.status);

export const key_of = (row) => JSON.stringify([row.repo_name, row.internal_ref, row.external_ref]);

/** On a narrow screen, where the table's head is not shown, each cell says what it is. */
const cell = (label, ...children) => element("td", { role: "cell", "data-head": text(label) }, ...children);

function last_success(row) {
  if (row.status === "disabled" || row.status === "in_sync") return "";
  if (row.last_success_at !== null) return text("last_success", { when: when(row.last_success_at) });
  return row.last_run_at === null ? "" : text("never_succeeded");
}

/** How long it has been in step, or how long the target lags behind. */
function standing(row) {
  if (row.since === null) return "";
  const time = duration(Math.max(0, (Date.now() - new Date(row.since)) / 1000));
  if (row.status === "in_sync") return text(row.since_exact ? "in_sync_for" : "in_sync_longer", { time });
  return text(row.since_exact ? "behind_for" : "behind_longer", { time });
}

function distance(row) {
  if (row.ahead === null || row.behind === null) return "";
  return text("ahead_behind", { ahead: count(row.ahead), behind: count(row.behind) });
}

/** A run's text tells in its first line what was done, and in the others what went wrong. */
function short_reason(row) {
  const [first, ...others] = (row.reason ?? "").split("\n");
  return others.length > 0 ? others.join("\n") : first;
}

function plans(row) {
  const said = [];
  if (row.waits_for_host !== null) said.push(text("waits_for_host", { host: row.waits_for_host }));
  else if (row.status === "pending" && row.progress === null) said.push(text("waits"));
  if (row.attempts > 0) said.push(text("attempts", { count: count(row.attempts) }));
  if (row.next_retry_at !== null && row.waits_for_host === null) said.push(text("next_retry", { when: when(row.next_retry_at) }));
  return said.join(", ");
}

export class BranchRow {
  #name = element("span", { class: "name" });
  #other_name = element("span", { class: "small" });
  #badge = element("span");
  #sign = element("span", { "aria-hidden": "true" });
  #word = element("span");
  #standing = element("span", { class: "small" });
  #last_success = element("span", { class: "small" });
  #distance = element("span", { class: "small" });
  #plans = element("span", { class: "small" });
  #reason = element("span", { class: "reason clamped" });
  #progress = new Progress();
  #strip = new Strip();
  #source = element("code");
  #target = element("code");
  #last_run = element("time");
  #plan = element("span", { class: "small" });
  #button = element("button", { type: "button", class: "quiet", "aria-expanded": "false" }, text("details"));
  #details = null;
  #row = null;
  #main = null;
  #below = element("tr", { role: "row", class: "below" });

  #on_change;

  constructor(on_change) {
    this.#on_change = on_change;
    this.#badge.append(this.#sign, " ", this.#word);
    const name = element("th", { role: "rowheader", scope: "row" }, this.#name, this.#other_name);
    this.#main = element("tr", { role: "row" }, name,
      cell("state", this.#badge, this.#standing, this.#last_success, this.#distance, this.#plans, this.#reason,
        this.#progress.node),
      cell("source", this.#source), cell("target", this.#target),
      cell("last_run", this.#last_run, this.#plan, this.#strip.node), element("td", { role: "cell" }, this.#button));
    this.#below.hidden = true;
    this.#button.addEventListener("click", () => this.#toggle());
  }

  get nodes() {
    return [this.#main, this.#below];
  }

  update(row) {
    this.#row = row;
    const state = state_of(row);
    set_text(this.#name, row.internal_branch_name);
    const is_renamed = row.external_branch_name !== row.internal_branch_name;
    set_line(this.#other_name, is_renamed ? text("external", { name: row.external_branch_name }) : "");
    set_attribute(this.#badge, "class", `badge ${state}`);
    set_text(this.#sign, signs[state] ?? "?");
    set_text(this.#word, text(state));
    set_line(this.#standing, standing(row));
    set_line(this.#last_success, last_success(row));
    set_line(this.#distance, distance(row));
    set_line(this.#plans, plans(row));
    set_line(this.#reason, short_reason(row));
    this.#progress.update(row.progress);
    this.#strip.update(row.recent_runs);
    for (const [node, tip] of [[this.#source, row.source_tip], [this.#target, row.target_tip]]) {
      set_text(node, short_id(tip));
      set_attribute(node, "title", tip);
    }
    set_text(this.#last_run, row.last_run_at === null ? "–" : when(row.last_run_at));
    set_attribute(this.#last_run, "datetime", row.last_run_at);
    set_attribute(this.#last_run, "title", row.last_run_at === null ? null : moment(row.last_run_at));
    set_line(this.#plan, row.plan ?? "");
    set_attribute(this.#button, "aria-label", text("details_of", { name: `${row.repo_name} ${row.internal_branch_name}` }));
    this.#details?.update(row);
  }

  #toggle() {
    const is_open = this.#details !== null;
    this.#details = is_open ? null : new Details(this.#on_change);
    const cells = is_open ? [] : [element("td", { role: "cell", colspan: "6" }, this.#details.node)];
    this.#below.replaceChildren(...cells);
    this.#below.hidden = is_open;
    set_attribute(this.#button, "aria-expanded", String(!is_open));
    this.#details?.update(this.#row);
  }
}
