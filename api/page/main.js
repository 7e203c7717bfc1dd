// The page: asks the agent how every branch stands, and shows it.

import { read_view, states, write_view } from "./address.js";
import { ask, token } from "./api.js";
import { BranchRow, key_of } from "./branch_row.js";
import { element, place_after, set_attribute, set_line, set_text } from "./element.js";
import { count, when } from "./format.js";
import { Poll } from "./poll.js";
import { choose_language, label_document, language, other_language, text } from "./texts.js";

const page_size = 100;
const calm_wait_ms = 5_000;
const moving_wait_ms = 1_000;
const typing_wait_ms = 250;
/** To count very many branches takes an agent a while, so a tab asks it the less often, the more there are. */
const rest_per_branch_ms = 1;
const longest_rest_ms = 30_000;

const node = (id) => document.getElementById(id);

const view = read_view();
/** The last answer, the question that it is of, and when it came. */
const known = { body: null, etag: null, path: "", at: null };
const groups = new Map();
const buttons = new Map();

// ---- asking

function status_path() {
  const wanted = new URLSearchParams({ counts: "true", page_size: String(page_size), page_num: String(view.page) });
  if (view.states.length > 0) wanted.set("state", view.states.join(","));
  if (view.search !== "") wanted.set("search", view.search);
  return `cerobot/sync/status?${wanted}`;
}

async function look(signal) {
  const path = status_path();
  const is_same = path === known.path && language() === known.language;
  const answer = await ask(path, { etag: is_same ? known.etag : null, signal });
  if (signal.aborted) return;
  if (answer !== null) Object.assign(known, answer, { path, language: language() });
  known.at = Date.now();
  const last_page = Math.max(1, Math.ceil(known.body.total / page_size));
  if (view.page > last_page) return look_at({ page: last_page });
  show_answer();
}

const is_moving = () => known.body?.data.some((row) => row.progress !== null || row.status === "pending") ?? false;

function on_error(error, wait_ms) {
  const seconds = Math.ceil(wait_ms / 1000);
  if (error.kind === "token") {
    show_login(token.get() === null ? "" : text("token_unknown"));
    return false;
  }
  const detail = error.message;
  const is_first = known.at === null;
  node("login").hidden = true;
  node("overview").hidden = is_first;
  node("forget").hidden = token.get() === null;
  switch (error.kind) {
    case "unreachable":
      set_notice(text(is_first ? "unreachable_first" : "unreachable", { seconds, when: is_first ? "" : when(known.at) }));
      break;
    case "busy":
      set_notice(text("busy", { seconds }));
      break;
    case "role":
      set_notice(text("role", { detail }));
      return false;
    case "refused":
      set_notice(text("refused", { detail, seconds }));
      break;
    default:
      throw error;
  }
  return true;
}

function wait_ms() {
  const rest_ms = Math.min(longest_rest_ms, rest_per_branch_ms * total_of(known.body.counts));
  return Math.max(is_moving() ? moving_wait_ms : calm_wait_ms, rest_ms);
}

const poll = new Poll(look, wait_ms, on_error);

function look_at(change) {
  Object.assign(view, change);
  write_view(view);
  show_filter();
  poll.now();
}

// ---- showing

function set_notice(said) {
  set_line(node("notice"), said);
}

/** Nothing of what was shown stays behind. */
function forget_all() {
  poll.stop();
  token.forget();
  Object.assign(known, { body: null, etag: null, path: "", at: null });
  forget_rows();
}

function forget_rows() {
  for (const group of groups.values()) group.body.remove();
  groups.clear();
}

function show_login(wrong) {
  forget_all();
  set_notice("");
  node("overview").hidden = true;
  node("forget").hidden = true;
  set_text(node("verdict"), "");
  document.title = "gitferry";
  set_text(node("answered"), "");
  node("login").hidden = false;
  set_text(node("login-error"), wrong);
  set_attribute(node("token"), "aria-invalid", wrong === "" ? null : "true");
  node("token").value = "";
  node("token").focus();
}

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

function show_verdict(counts) {
  const [kind, said] = verdict_of(counts);
  set_text(node("verdict"), said);
  set_attribute(node("verdict"), "class", kind);
  const title = kind === "bad" ? `(!) ${said} – gitferry` : `${said} – gitferry`;
  if (document.title !== title) document.title = title;
}

const is_rare = (state) => ["retrying", "quarantined", "disabled"].includes(state);

function show_counts(counts) {
  for (const [state, button] of buttons) {
    set_text(button, `${text(state)} ${count(counts[state])}`);
    button.hidden = is_rare(state) && counts[state] === 0 && !view.states.includes(state);
  }
}

function show_filter() {
  for (const [state, button] of buttons) set_attribute(button, "aria-pressed", String(view.states.includes(state)));
  if (node("search").value.trim() !== view.search) node("search").value = view.search;
}

function show_empty(body) {
  const is_filtered = view.states.length > 0 || view.search !== "";
  node("empty").hidden = body.data.length > 0;
  node("clear").hidden = !is_filtered;
  set_text(node("empty-title"), text(is_filtered ? "nothing_title" : "empty_title"));
  set_text(node("empty-why"), text(is_filtered ? "nothing_why" : "empty_why"));
}

function show_pages(total) {
  const pages = Math.max(1, Math.ceil(total / page_size));
  node("pages").hidden = pages === 1;
  node("previous").disabled = view.page <= 1;
  node("next").disabled = view.page >= pages;
  set_text(node("page-number"),
    text("page_number", { page: count(view.page), pages: count(pages), total: count(total) }));
}

function group_of(name) {
  const title = element("th", { role: "rowheader", scope: "rowgroup", colspan: "6" }, name);
  const head = element("tr", { role: "row", class: "repository" }, title);
  return { head, body: element("tbody", { role: "rowgroup" }, head), rows: new Map() };
}

function show_rows(rows) {
  const seen = new Map();
  for (const row of rows) {
    const group = groups.get(row.repo_name) ?? group_of(row.repo_name);
    groups.set(row.repo_name, group);
    const shown = group.rows.get(key_of(row)) ?? new BranchRow(() => poll.now());
    shown.update(row);
    if (!seen.has(row.repo_name)) seen.set(row.repo_name, new Map());
    seen.get(row.repo_name).set(key_of(row), shown);
  }
  for (const [name, group] of groups) {
    const kept = seen.get(name) ?? new Map();
    for (const [key, shown] of group.rows) if (!kept.has(key)) for (const gone of shown.nodes) gone.remove();
    group.rows = kept;
    place_after(group.head, [...kept.values()].flatMap((shown) => shown.nodes));
    if (kept.size > 0) continue;
    group.body.remove();
    groups.delete(name);
  }
  place_after(node("branches").tHead, [...seen.keys()].map((name) => groups.get(name).body));
  node("branches").hidden = rows.length === 0;
}

function show_answer() {
  set_notice("");
  node("login").hidden = true;
  node("forget").hidden = token.get() === null;
  node("overview").hidden = false;
  node("loading").hidden = true;
  show_verdict(known.body.counts);
  show_counts(known.body.counts);
  show_empty(known.body);
  show_rows(known.body.data);
  show_pages(known.body.total);
  set_text(node("answered"), text("answered", { when: when(known.at) }));
}

/** All of it anew, in the language that was chosen. */
function label_all() {
  choose_language(view.language);
  label_document();
  node("language").textContent = text("language");
  node("language").lang = other_language() === "zh" ? "zh-CN" : "en";
  forget_rows();
}

// ---- what people do

function take_token(event) {
  event.preventDefault();
  const given = node("token").value.trim();
  if (!token.is_possible(given)) return show_login(text("token_form"));
  token.set(given);
  set_text(node("login-error"), "");
  poll.now();
}

function toggle_state(state) {
  const others = view.states.filter((each) => each !== state);
  const chosen = others.length < view.states.length ? others : [...others, state];
  look_at({ states: states.filter((each) => chosen.includes(each)), page: 1 });
}

function start() {
  for (const state of states) {
    const button = element("button", { type: "button", class: `count ${state}` });
    button.addEventListener("click", () => toggle_state(state));
    buttons.set(state, button);
    node("states").append(button);
  }
  let typing = 0;
  node("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => look_at({ search: node("search").value.trim(), page: 1 }), typing_wait_ms);
  });
  node("login").addEventListener("submit", take_token);
  node("forget").addEventListener("click", () => show_login(""));
  node("clear").addEventListener("click", () => look_at({ states: [], search: "", page: 1 }));
  node("previous").addEventListener("click", () => look_at({ page: view.page - 1 }));
  node("next").addEventListener("click", () => look_at({ page: view.page + 1 }));
  node("language").addEventListener("click", () => {
    view.language = other_language();
    label_all();
    look_at({});
  });
  label_all();
  show_filter();
  node("overview").hidden = token.get() === null;
  poll.now();
}

start();
