// A field of a form, and below it what is to be said of its value.

import { element, set_attribute, set_text } from "./element.js";

let fields = 0;

export class Field {
  #said;
  input;
  node;

  /** `input`: the control; `label`: its name; `hint`: what is always said of it. */
  constructor(input, label, hint = "") {
    const id = `field-${++fields}`;
    this.input = input;
    this.#said = element("p", { class: "small", id: `${id}-said`, role: "status" });
    set_attribute(input, "id", id);
    set_attribute(input, "aria-describedby", hint === "" ? `${id}-said` : `${id}-hint ${id}-said`);
    this.node = element("div", { class: "field" }, element("label", { for: id }, label), input);
    if (hint !== "") this.node.append(element("p", { class: "small", id: `${id}-hint` }, hint));
    this.node.append(this.#said);
  }

  get value() {
    return this.input.value.trim();
  }

  /** `kind`: good, bad or calm. */
  say(kind, said) {
    set_attribute(this.#said, "class", `small ${kind}`);
    set_attribute(this.input, "aria-invalid", kind === "bad" ? "true" : null);
    set_text(this.#said, said);
  }
}

export const text_input = (attributes = {}) =>
  element("input", { type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...attributes });

/** What is typed is never shown, and no browser is to keep it. */
export const secret_input = () => text_input({ type: "password", autocomplete: "new-password", maxlength: "4096" });

export function choice_input(choices) {
  return element("select", {}, ...choices.map(([value, said]) => element("option", { value }, said)));
}

/** Shows an error of the API at the field that it names, or, where it names none, by `otherwise(said)`. */
export function show_refusal(body, fields_by_name, code_fields, otherwise) {
  const said = `${body.code_status} ${body.detail ?? body.msg}`;
  const named = Object.keys(fields_by_name).find((name) => said.includes(name));
  const field = fields_by_name[code_fields[body.code_status] ?? named];
  if (field === undefined) return otherwise(said);
  field.say("bad", said);
  field.input.focus();
}
