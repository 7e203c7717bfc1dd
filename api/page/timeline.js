// Where the time of a run went: a bar of its phases, and the same in words.

import { element } from "./element.js";
import { microseconds } from "./format.js";
import { text } from "./texts.js";

export function timeline(phases) {
  const total = phases.reduce((sum, each) => sum + each.duration_us, 0);
  const bar = element("div", { class: "bar", "aria-hidden": "true" });
  const list = element("ol", { class: "phases" });
  for (const { phase, duration_us } of phases) {
    const part = element("span", { class: phase });
    // A phase of no length is seen all the same.
    part.style.flexGrow = String(Math.max(duration_us, total / 200));
    bar.append(part);
    list.append(element("li", { class: phase }, `${text(phase)}: ${microseconds(duration_us)}`));
  }
  return element("div", { class: "timeline" }, bar, list);
}
