// The last runs of a branch as a strip of marks, the newest at its end.

import { run_address } from "./address.js";
import { element, set_attribute } from "./element.js";
import { count } from "./format.js";
import { text } from "./texts.js";

export const strip_length = 20;

/** What one mark says, and what all of a kind do together. */
const outcomes = {
  pushed: ["mark_pushed", "strip_pushed"],
  nothing: ["mark_nothing", "strip_nothing"],
  failed: ["mark_failed", "strip_failed"],
  interrupted: ["mark_interrupted", "strip_interrupted"],
  running: ["mark_running", "strip_running"],
};

function sum_of(runs) {
  const parts = [];
  for (const [outcome, [, key]] of Object.entries(outcomes)) {
    const alike = runs.filter((run) => run.outcome === outcome).length;
    if (alike > 0) parts.push(text(key, { count: count(alike) }));
  }
  return text("strip", { count: count(runs.length), parts: parts.join(", ") });
}

function mark_of(run) {
  const said = text(outcomes[run.outcome][0]);
  return element("a", { class: `mark ${run.outcome}`, href: run_address(run.id), tabindex: "-1", title: said });
}

/** One picture for those who hear it; for the mouse each mark leads to its run, as the details do for all. */
export class Strip {
  #shown = "";
  node = element("span", { class: "strip", role: "img" });

  update(runs) {
    this.node.hidden = runs.length === 0;
    const wanted = JSON.stringify(runs);
    if (this.#shown === wanted) return;
    this.#shown = wanted;
    set_attribute(this.node, "aria-label", sum_of(runs));
    this.node.replaceChildren(...[...runs].reverse().map(mark_of));
  }
}
