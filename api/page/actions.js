// What can be done with a branch, as far as the token may. The agent's answer is shown, whatever it is.

import { ApiError, ask, send } from "./api.js";
import { allow, caller } from "./caller.js";
import { ask_first } from "./confirm.js";
import { element, set_line, set_text } from "./element.js";
import { short_id } from "./format.js";
import { text } from "./texts.js";

/** How long a request waits for its run; what takes longer is seen in the row. */
const wait_seconds = 20;

/** Branches are named as on the side that is the source, which only the repository knows. */
async function branch_path(row) {
  const { body } = await ask(`cerobot/sync/repo?repo_name=${encodeURIComponent(row.repo_name)}`);
  const is_inward = body.data[0]?.sync_direction === "to_inter";
  const name = is_inward ? row.external_branch_name : row.internal_branch_name;
  return `cerobot/sync/${encodeURIComponent(row.repo_name)}/branch/${encodeURIComponent(name)}`;
}

function run_text(run) {
  if (!run.finished) return text("action_goes_on");
  const tips = `${short_id(run.target_tip_before)} → ${short_id(run.source_tip)}`;
  const said = [text(run.dry_run ? "action_plan" : "action_done", { plan: run.plan, tips })];
  if (run.detail) said.push(run.detail);
  return said.join("\n");
}

function answer_text(body) {
  if (body.runs?.length > 0) return body.runs.map(run_text).join("\n");
  return body.code_status === 0 ? text("action_taken") : `${body.code_status} ${body.detail ?? body.msg}`;
}

let groups = 0;

/** Buttons, and below them what the token may not do, and the answer to the button that was pressed last. */
export class Actions {
  #limits = element("p", { class: "small", id: `limits-${++groups}` });
  #answer = element("p", { class: "reason", role: "status" });
  #buttons = [];
  #unbind = element("button", { type: "button" }, text("unbind"));
  #row = null;
  #is_asking = false;
  #on_change;
  node = element("div", { class: "actions" });

  /** `on_change` is called when something may have changed. */
  constructor(on_change) {
    this.#on_change = on_change;
    this.#add("action_dry_run", "operate", "POST", () => `dry_run=true&wait=${wait_seconds}`);
    this.#add("action_sync", "operate", "POST", () => `wait=${wait_seconds}`);
    this.#add("action_enable", "admin", "PUT", () => "enable=true");
    this.#add("action_disable", "admin", "PUT", () => "enable=false");
    this.#unbind.addEventListener("click", () => this.#ask_and_unbind());
    const line = element("div", { class: "line" }, ...this.#buttons.map(({ button }) => button), this.#unbind);
    this.node.append(line, this.#limits, this.#answer);
  }

  update(row) {
    this.#row = row;
    const [dry_run, sync, enable, disable] = this.#buttons.map(({ button }) => button);
    // Neither tags nor branches of whole repositories are bound one by one.
    const is_bound = row.branch_id !== null && !row.internal_ref.startsWith("refs/tags/");
    this.node.hidden = !is_bound;
    dry_run.hidden = sync.hidden = disable.hidden = !row.enabled;
    enable.hidden = row.enabled;
    if (!this.#is_asking) this.#allow();
  }

  #allow() {
    set_line(this.#limits, caller.limits(["operate", "limit_syncs"], ["admin", "limit_changes"]));
    for (const { button, needed } of this.#buttons) allow(button, needed, this.#limits.id);
    allow(this.#unbind, "admin", this.#limits.id);
  }

  #add(key, needed, method, query) {
    const button = element("button", { type: "button" }, text(key));
    button.addEventListener("click", () => this.#do(button, method, query()));
    this.#buttons.push({ button, needed });
  }

  async #ask_and_unbind() {
    const { repo_name, internal_branch_name, external_branch_name } = this.#row;
    const done = await ask_first({
      title: text("unbind_branch_title", { name: repo_name, internal: internal_branch_name, external: external_branch_name }),
      said: [text("unbind_branch_what"), text("unbind_stays"), text("unbind_branch_all")],
      confirm: text("unbind"),
      act: async () => send("DELETE", await branch_path(this.#row)),
    });
    if (!done) return;
    // The button goes with its row.
    this.node.closest("table").focus();
    this.#on_change();
  }

  async #do(button, method, query) {
    this.#is_asking = true;
    for (const each of [...this.#buttons.map((known) => known.button), this.#unbind]) each.disabled = true;
    set_text(this.#answer, text("action_asked"));
    try {
      set_text(this.#answer, answer_text(await send(method, `${await branch_path(this.#row)}?${query}`)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      set_text(this.#answer, error.message);
    } finally {
      this.#is_asking = false;
      this.#allow();
    }
    button.focus();
    this.#on_change();
  }
}
