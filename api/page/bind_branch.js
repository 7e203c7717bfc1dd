// Binds branches of a repository, one after the other.

import { ApiError, send } from "./api.js";
import { caller } from "./caller.js";
import { unbind_repository } from "./confirm.js";
import { element, set_attribute, set_line, set_text } from "./element.js";
import { Field, show_refusal, text_input } from "./field.js";
import { count } from "./format.js";
import { text } from "./texts.js";
import { fact_rows, settled_wait_ms, View } from "./view.js";

const code_fields = { 10003: "internal_branch_name" };

/** What the hosts listed when the repository was bound: offered while its branches are. */
let offered = { repository: "", internal: [], external: [] };
export function offer_branches(repository, branches) {
  offered = { repository, ...branches };
}

/** An input that offers the branches of a side. */
function branch_field(repository, side, label, hint) {
  const names = offered.repository === repository ? offered[side] : [];
  const list = element("datalist", { id: `${side}-branches` }, ...names.map((name) => element("option", { value: name })));
  const field = new Field(text_input({ maxlength: "255", list: list.id }), label, hint);
  field.node.append(list);
  return field;
}

export class BindBranch extends View {
  #repository;
  #internal;
  #external;
  #facts = element("dl");
  #submit = element("button", { type: "submit" }, text("bind_branch"));
  #answer = element("p", { class: "reason", role: "status" });
  #form;
  #unbind;

  constructor({ repository }) {
    super(text("bind_branch_of", { name: repository }));
    this.#repository = repository;
    this.#internal = branch_field(repository, "internal", text("bind_internal_branch"), "");
    this.#external = branch_field(repository, "external", text("bind_external_branch"), text("bind_same_name"));
    this.#form = element("form", { class: "bind", autocomplete: "off", novalidate: "" },
      this.#internal.node, this.#external.node, this.#submit, this.#answer);
    this.#form.addEventListener("submit", (event) => this.#bind(event));
    this.#form.hidden = true;
    const unbind = element("button", { type: "button" }, text("unbind"));
    set_attribute(unbind, "aria-label", text("unbind_of", { name: repository }));
    unbind.addEventListener("click", async () => {
      if (await unbind_repository(repository)) location.hash = "#/bind";
    });
    this.#unbind = element("p", { class: "line" }, unbind);
    this.#unbind.hidden = true;
    this.node.append(this.#facts, this.#form, this.#unbind);
  }

  async look(signal) {
    const path = `cerobot/sync/repo?repo_name=${encodeURIComponent(this.#repository)}`;
    if (!(await this.question.ask(path, signal))) return;
    const bound = this.question.body.data[0];
    const may_bind = caller.may("admin");
    this.#form.hidden = bound?.sync_granularity !== "one" || !may_bind;
    this.#unbind.hidden = bound === undefined || !may_bind;
    if (bound === undefined) return set_line(this.note, text("bind_unknown"));
    set_line(this.note, bound.sync_granularity === "one" ? caller.limits(["admin", "limit_binding"]) : text("bind_whole"));
    this.#facts.replaceChildren(...fact_rows([
      [text("bind_internal"), bound.internal_repo_address],
      [text("bind_external"), bound.external_repo_address],
      [text("fact_direction"), bound.sync_direction],
      [text("bind_bound"), count(bound.branches)],
    ]));
  }
  wait_ms() {
    return settled_wait_ms;
  }
  focus() {
    if (this.#form.hidden) this.heading.focus();
    else this.#internal.input.focus();
  }

  async #bind(event) {
    event.preventDefault();
    const internal = this.#internal.value;
    if (internal === "") {
      this.#internal.say("bad", text("bind_missing"));
      return this.#internal.input.focus();
    }
    const external = this.#external.value || internal;
    const fields = { internal_branch_name: this.#internal, external_branch_name: this.#external };
    for (const field of Object.values(fields)) field.say("calm", "");
    set_text(this.#answer, "");
    this.#submit.disabled = true;
    try {
      const path = `cerobot/sync/${encodeURIComponent(this.#repository)}/branch`;
      const body = await send("POST", path, { enable: true, internal_branch_name: internal, external_branch_name: external });
      if (body.code_status === 0) return this.#bound(internal, external);
      show_refusal(body, fields, code_fields, (said) => set_text(this.#answer, said));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      show_refusal({ code_status: error.code, detail: error.message }, fields, code_fields, () => set_text(this.#answer, error.message));
    } finally {
      this.#submit.disabled = false;
    }
  }

  #bound(internal, external) {
    set_text(this.#answer, text("bind_branch_done", { internal, external }));
    for (const field of [this.#internal, this.#external]) field.input.value = "";
    this.#internal.input.focus();
  }
}
