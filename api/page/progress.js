// How far a transfer is.

import { element, set_attribute, set_text } from "./element.js";
import { bytes, count, duration } from "./format.js";
import { text } from "./texts.js";

function progress_text(progress) {
  const said = [text(progress.phase)];
  if (progress.objects_total !== null) {
    said.push(text("objects", { done: count(progress.objects_done), total: count(progress.objects_total) }));
  }
  const moved = Math.max(progress.bytes_sent, progress.bytes_received);
  if (moved > 0) said.push(bytes(moved));
  if (progress.bytes_per_second > 0) said.push(text("rate", { rate: bytes(progress.bytes_per_second) }));
  if (progress.remaining_seconds !== null) said.push(text("remaining", { time: duration(progress.remaining_seconds) }));
  if (progress.refs_in_transfer > 1) said.push(text("together", { count: count(progress.refs_in_transfer) }));
  return said.join(" · ");
}

export class Progress {
  #bar = element("progress", { "aria-label": text("sending") });
  #text = element("span", { class: "small" });
  node = element("div", { class: "progress" }, this.#bar, this.#text);

  /** `progress`: as the API has it; null: nothing goes on. */
  update(progress) {
    this.node.hidden = progress === null;
    if (progress === null) return;
    const is_counted = progress.objects_total !== null && progress.objects_total > 0;
    set_attribute(this.#bar, "max", is_counted ? String(progress.objects_total) : null);
    set_attribute(this.#bar, "value", is_counted ? String(progress.objects_done) : null);
    set_text(this.#text, progress_text(progress));
  }
}
