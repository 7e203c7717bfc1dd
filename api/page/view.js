// What the views of the page have in common.
//
// A view has `node`, `question`, `look(signal)` that asks and shows and throws ApiError, `wait_ms()` until it is to
// be asked again, `title()` for the window, and `focus()` for those who came here by a link.

import { element, set_line, set_text } from "./element.js";
import { Question } from "./question.js";
import { text } from "./texts.js";

export const moving_wait_ms = 1_000;
export const calm_wait_ms = 5_000;
export const settled_wait_ms = 60_000;

/** A view with a heading of its own, which tells what it is about. */
export class View {
  question = new Question();
  heading = element("h2", { tabindex: "-1" });
  note = element("p", { role: "status" });
  node = element("section", { class: "view" }, this.heading, this.note);

  constructor(heading) {
    this.head(heading);
    set_line(this.note, text("loading"));
  }

  head(said) {
    set_text(this.heading, said);
  }
  title() {
    return `${this.heading.textContent} – gitferry`;
  }
  focus() {
    this.heading.focus();
  }
}

/** The rows of a list of facts: `[name, value]`, where a value is a text or a node. */
export function fact_rows(facts) {
  return facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

/** `[name, value]` where there is a value. */
export const known_facts = (facts) => facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
