// Binds a repository: each value is checked by the agent as soon as its field is left.

import { bind_branch_address } from "./address.js";
import { ApiError, send } from "./api.js";
import { offer_branches } from "./bind_branch.js";
import { caller } from "./caller.js";
import { element, replace_children, set_line, set_text } from "./element.js";
import { choice_input, Field, secret_input, show_refusal, text_input } from "./field.js";
import { count } from "./format.js";
import { text } from "./texts.js";
import { settled_wait_ms, View } from "./view.js";

const granularity_one = "2";
/** The newest. */
const shown_repositories = 20;
/** What these codes of the API are about. Others name it in their text. */
const code_fields = { 10002: "repo_name", 10007: "sync_granularity", 10008: "sync_direction" };

function bound_item({ repo_name, branches }) {
  const link = element("a", { href: bind_branch_address(repo_name) }, repo_name);
  return element("li", {}, link, ` · ${text("bind_branches", { count: count(branches) })}`);
}

/** Address and token of a side, which are checked together. */
class SideFields {
  #side;
  #asked = 0;
  /** As the host lists them. */
  branches = [];
  address;
  token;

  constructor(side, address_label, token_label) {
    this.#side = side;
    this.address = new Field(text_input({ required: "", placeholder: "https://…" }), address_label, text("bind_address_hint"));
    this.token = new Field(secret_input(), token_label, text("bind_token_hint"));
    for (const field of [this.address, this.token]) field.input.addEventListener("change", () => this.check());
  }

  async check() {
    const asked = ++this.#asked;
    this.branches = [];
    if (this.address.value === "") return this.address.say("calm", "");
    this.address.say("calm", text("bind_asking"));
    const [address, token] = this.#side === "internal" ? ["internal_repo_address", "inter_token"] : ["external_repo_address", "exter_token"];
    const sent = { [address]: this.address.value };
    if (this.token.value !== "") sent[token] = this.token.value;
    const [kind, said] = await this.#answer(sent);
    // What was typed meanwhile has been asked for, too.
    if (asked === this.#asked) this.address.say(kind, said);
  }

  async #answer(sent) {
    try {
      const body = await send("POST", "cerobot/sync/check", sent);
      const found = body.data?.[this.#side];
      if (!found) return ["bad", `${body.code_status} ${body.detail ?? body.msg}`];
      if (found.code_status !== 0) return ["bad", `${found.code_status} ${found.detail}`];
      this.branches = found.branches;
      return ["good", text("bind_answers", { count: count(found.branch_count) })];
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return ["bad", error.message];
    }
  }
}

export class BindRepository extends View {
  #name = new Field(text_input({ required: "", maxlength: "128" }), text("bind_name"));
  #internal = new SideFields("internal", text("bind_internal"), text("bind_inter_token"));
  #external = new SideFields("external", text("bind_external"), text("bind_exter_token"));
  #granularity = new Field(choice_input([[granularity_one, text("bind_one")], ["1", text("bind_all")]]), text("bind_granularity"));
  #direction = new Field(
    choice_input([["1", text("bind_to_outer")], ["2", text("bind_to_inter")], ["3", text("bind_both")]]), text("fact_direction"));
  #submit = element("button", { type: "submit" }, text("bind_submit"));
  #answer = element("p", { class: "reason wrong", role: "alert" });
  #why = element("p", {}, text("bind_why"));
  #is_bound = false;
  #bound_list = element("ul", { class: "steps" });
  #form;

  constructor() {
    super(text("bind_title"));
    this.#form = element("form", { class: "bind", autocomplete: "off", novalidate: "" },
      this.#name.node, this.#internal.address.node, this.#internal.token.node, this.#external.address.node,
      this.#external.token.node, this.#granularity.node, this.#direction.node, this.#submit, this.#answer);
    this.#name.input.addEventListener("change", () => this.#check_name());
    this.#form.addEventListener("submit", (event) => this.#bind(event));
    this.#form.hidden = this.#why.hidden = true;
    this.node.append(this.#why, this.#form, element("h3", {}, text("bind_so_far")), this.#bound_list);
  }

  /** Also those without branches, which no list of branches shows. */
  async look(signal) {
    if (!(await this.question.ask(`cerobot/sync/repo?page_size=${shown_repositories}`, signal))) return;
    const { data } = this.question.body;
    set_line(this.note, caller.limits(["admin", "limit_binding"]));
    this.#form.hidden = this.#why.hidden = this.#is_bound || !caller.may("admin");
    replace_children(this.#bound_list, data.length > 0 ? data.map(bound_item) : [element("li", {}, text("none"))]);
  }
  wait_ms() {
    return settled_wait_ms;
  }

  async #check_name() {
    const name = this.#name.value;
    if (name === "") return this.#name.say("calm", "");
    try {
      const { data } = await send("POST", "cerobot/sync/check", { repo_name: name });
      if (this.#name.value !== name) return;
      const is_free = data.repo_name.code_status === 0;
      this.#name.say(is_free ? "good" : "bad", is_free ? text("bind_name_free") : data.repo_name.detail);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#name.say("bad", error.message);
    }
  }

  #fields() {
    return {
      repo_name: this.#name,
      internal_repo_address: this.#internal.address,
      external_repo_address: this.#external.address,
      inter_token: this.#internal.token,
      exter_token: this.#external.token,
      sync_granularity: this.#granularity,
      sync_direction: this.#direction,
    };
  }

  async #bind(event) {
    event.preventDefault();
    const fields = this.#fields();
    const missing = [this.#name, this.#internal.address, this.#external.address].filter((field) => field.value === "");
    for (const field of missing) field.say("bad", text("bind_missing"));
    if (missing.length > 0) return missing[0].input.focus();
    const sent = { enable: true };
    for (const [name, field] of Object.entries(fields)) if (field.value !== "") sent[name] = field.value;
    this.#submit.disabled = true;
    set_text(this.#answer, "");
    try {
      const body = await send("POST", "cerobot/sync/repo", sent);
      if (body.code_status === 0) return this.#bound(body.data.repo_name);
      show_refusal(body, fields, code_fields, (said) => set_text(this.#answer, said));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      show_refusal({ code_status: error.code, detail: error.message }, fields, code_fields, () => set_text(this.#answer, error.message));
    } finally {
      this.#submit.disabled = false;
    }
  }

  #bound(name) {
    const is_by_branches = this.#granularity.value === granularity_one;
    offer_branches(name, { internal: this.#internal.branches, external: this.#external.branches });
    for (const side of [this.#internal, this.#external]) side.token.input.value = "";
    this.#is_bound = this.#form.hidden = true;
    location.hash = is_by_branches ? bind_branch_address(name) : "#/";
  }
}
