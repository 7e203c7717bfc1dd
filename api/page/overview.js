// How every branch stands: counts, and a row a branch by repository.

import { bind_branch_address, states } from "./address.js";
import { BranchRow, key_of } from "./branch_row.js";
import { caller } from "./caller.js";
import { unbind_repository } from "./confirm.js";
import { element, place_after, set_attribute, set_text } from "./element.js";
import { count } from "./format.js";
import { Question } from "./question.js";
import { strip_length } from "./strip.js";
import { text } from "./texts.js";
import { calm_wait_ms, moving_wait_ms } from "./view.js";

const page_size = 100;
const typing_wait_ms = 250;
/** To count very many branches takes an agent a while, so a tab asks it the less often, the more there are. */
const rest_per_branch_ms = 1;
const longest_rest_ms = 30_000;

const node = (id) => document.getElementById(id);
const total_of = (counts) => Object.values(counts).reduce((sum, each) => sum + each, 0);

/** In the order of urgency: the first one that is true is said. */
function verdict_of(counts) {
  const bad = counts.failed + counts.diverged + counts.quarantined;
  if (total_of(counts) === 0) return ["calm", text("verdict_empty")];
  if (bad > 0) return ["bad", text("verdict_bad", { count: count(bad) })];
  if (counts.retrying > 0) return ["warn", text("verdict_retrying", { count: count(counts.retrying) })];
  if (counts.pending > 0) return ["calm", text("verdict_busy", { count: count(counts.pending) })];
  if (counts.never_synced > 0) return ["calm", text("verdict_never", { count: count(counts.never_synced) })];
  if (counts.in_sync === 0) return ["calm", text("verdict_off")];
  return ["good", text("verdict_good")];
}

const is_rare = (state) => ["retrying", "quarantined", "disabled"].includes(state);

export class Overview {
  question = new Question();
  node = node("overview");
  #view;
  #look_at;
  #refresh;
  #title = "gitferry";
  #groups = new Map();
  #buttons = new Map();

  /** `look_at(change)` changes the part of `view` that is looked at, `refresh()` has it asked for at once. */
  constructor(view, look_at, refresh) {
    this.#view = view;
    this.#look_at = look_at;
    this.#refresh = refresh;
    for (const state of states) {
      const button = element("button", { type: "button", class: `count ${state}` });
      button.addEventListener("click", () => this.#toggle(state));
      this.#buttons.set(state, button);
      node("states").append(button);
    }
    let typing = 0;
    node("search").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => look_at({ search: node("search").value.trim(), page: 1 }), typing_wait_ms);
    });
    node("clear").addEventListener("click", () => look_at({ states: [], search: "", page: 1 }));
    node("previous").addEventListener("click", () => look_at({ page: view.page - 1 }));
    node("next").addEventListener("click", () => look_at({ page: view.page + 1 }));
  }

  title() {
    return this.#title;
  }
  focus() {
    (node("branches").hidden ? node("search") : node("branches")).focus();
  }

  async look(signal) {
    if (!(await this.question.ask(this.#path(), signal))) return;
    const { body } = this.question;
    const last_page = Math.max(1, Math.ceil(body.total / page_size));
    if (this.#view.page > last_page) return this.#look_at({ page: last_page });
    node("loading").hidden = true;
    this.#show_verdict(body.counts);
    this.#show_counts(body.counts);
    this.#show_empty(body);
    this.#show_rows(body.data);
    this.#show_pages(body.total);
  }

  wait_ms() {
    const { body } = this.question;
    const is_moving = body.data.some((row) => row.progress !== null || row.status === "pending");
    const rest_ms = Math.min(longest_rest_ms, rest_per_branch_ms * total_of(body.counts));
    return Math.max(is_moving ? moving_wait_ms : calm_wait_ms, rest_ms);
  }

  show_filter() {
    for (const [state, button] of this.#buttons) {
      set_attribute(button, "aria-pressed", String(this.#view.states.includes(state)));
    }
    if (node("search").value.trim() !== this.#view.search) node("search").value = this.#view.search;
  }

  /** Nothing of what was shown stays behind. */
  forget() {
    this.question.forget();
    this.#forget_rows();
    set_text(node("verdict"), "");
    this.#title = "gitferry";
  }
  /** What is shown is made anew, in the language of now. */
  label() {
    this.#forget_rows();
  }

  #forget_rows() {
    for (const group of this.#groups.values()) group.body.remove();
    this.#groups.clear();
  }

  #path() {
    const { page, search, states: wanted_states } = this.#view;
    const wanted = new URLSearchParams({ counts: "true", runs: String(strip_length), page_size: String(page_size), page_num: String(page) });
    if (wanted_states.length > 0) wanted.set("state", wanted_states.join(","));
    if (search !== "") wanted.set("search", search);
    return `cerobot/sync/status?${wanted}`;
  }

  #toggle(state) {
    const others = this.#view.states.filter((each) => each !== state);
    const chosen = others.length < this.#view.states.length ? others : [...others, state];
    this.#look_at({ states: states.filter((each) => chosen.includes(each)), page: 1 });
  }

  #show_verdict(counts) {
    const [kind, said] = verdict_of(counts);
    set_text(node("verdict"), said);
    set_attribute(node("verdict"), "class", kind);
    this.#title = kind === "bad" ? `(!) ${said} – gitferry` : `${said} – gitferry`;
  }

  #show_counts(counts) {
    for (const [state, button] of this.#buttons) {
      set_text(button, `${text(state)} ${count(counts[state])}`);
      button.hidden = is_rare(state) && counts[state] === 0 && !this.#view.states.includes(state);
    }
  }

  #show_empty(body) {
    const is_filtered = this.#view.states.length > 0 || this.#view.search !== "";
    node("empty").hidden = body.data.length > 0;
    node("clear").hidden = !is_filtered;
    node("empty-bind").hidden = is_filtered || !caller.may("admin");
    set_text(node("empty-title"), text(is_filtered ? "nothing_title" : "empty_title"));
    set_text(node("empty-why"), text(is_filtered ? "nothing_why" : "empty_why"));
  }

  #show_pages(total) {
    const pages = Math.max(1, Math.ceil(total / page_size));
    node("pages").hidden = pages === 1;
    node("previous").disabled = this.#view.page <= 1;
    node("next").disabled = this.#view.page >= pages;
    set_text(node("page-number"),
      text("page_number", { page: count(this.#view.page), pages: count(pages), total: count(total) }));
  }

  #group_of(name) {
    const bind = element("a", { href: bind_branch_address(name), "aria-label": text("bind_branch_of", { name }) }, text("bind_branch"));
    const unbind = element("button", { type: "button", class: "quiet", "aria-label": text("unbind_of", { name }) }, text("unbind"));
    unbind.addEventListener("click", () => this.#unbind(name));
    const tools = element("span", { class: "tools" }, bind, unbind);
    const title = element("th", { role: "rowheader", scope: "rowgroup", colspan: "6" },
      element("span", { class: "line" }, element("span", { class: "repository-name" }, name), tools));
    const head = element("tr", { role: "row", class: "repository" }, title);
    return { head, tools, body: element("tbody", { role: "rowgroup" }, head), rows: new Map() };
  }

  async #unbind(name) {
    if (!(await unbind_repository(name))) return;
    this.#refresh();
    this.focus();
  }

  #show_rows(rows) {
    const seen = new Map();
    for (const row of rows) {
      const group = this.#groups.get(row.repo_name) ?? this.#group_of(row.repo_name);
      this.#groups.set(row.repo_name, group);
      group.tools.hidden = !caller.may("admin");
      const shown = group.rows.get(key_of(row)) ?? new BranchRow(this.#refresh);
      shown.update(row);
      if (!seen.has(row.repo_name)) seen.set(row.repo_name, new Map());
      seen.get(row.repo_name).set(key_of(row), shown);
    }
    for (const [name, group] of this.#groups) {
      const kept = seen.get(name) ?? new Map();
      for (const [key, shown] of group.rows) if (!kept.has(key)) for (const gone of shown.nodes) gone.remove();
      group.rows = kept;
      place_after(group.head, [...kept.values()].flatMap((shown) => shown.nodes));
      if (kept.size > 0) continue;
      group.body.remove();
      this.#groups.delete(name);
    }
    place_after(node("branches").tHead, [...seen.keys()].map((name) => this.#groups.get(name).body));
    node("branches").hidden = rows.length === 0;
  }
}
