// The page: which view is looked at, who may look, and when it is asked for again.

import { read_place, read_view, write_view } from "./address.js";
import { token } from "./api.js";
import { BindBranch } from "./bind_branch.js";
import { BindRepository } from "./bind_repository.js";
import { caller } from "./caller.js";
import { Deliveries } from "./deliveries.js";
import { Delivery } from "./delivery.js";
import { set_attribute, set_line, set_text } from "./element.js";
import { when } from "./format.js";
import { Overview } from "./overview.js";
import { Poll } from "./poll.js";
import { Run } from "./run.js";
import { choose_language, label_document, other_language, text } from "./texts.js";

const node = (id) => document.getElementById(id);

const view = read_view();
const refresh = () => poll.now();
const overview = new Overview(view, look_at, refresh);
const makers = {
  overview: () => overview,
  deliveries: (place) => new Deliveries(place, refresh),
  delivery: (place) => new Delivery(place),
  run: (place) => new Run(place),
  bind: () => new BindRepository(),
  bind_branch: (place) => new BindBranch(place),
};
let current = overview;

// ---- asking

async function look(signal) {
  await caller.learn(signal);
  if (signal.aborted) return;
  await current.look(signal);
  if (!signal.aborted) show_answered();
}

/** No such delivery or run any more. */
const code_no_data = 10013;

function notice_of(error, seconds) {
  const { at } = current.question;
  const detail = error.message;
  switch (error.kind) {
    case "unreachable":
      return text(at === null ? "unreachable_first" : "unreachable", { seconds, when: at === null ? "" : when(at) });
    case "busy":
      return text("busy", { seconds });
    case "role":
      return text("role", { detail });
    case "refused":
      return error.code === code_no_data ? detail : text("refused", { detail, seconds });
    default:
      throw error;
  }
}

function on_error(error, wait_ms) {
  if (error.kind === "token") {
    show_login(token.get() === null ? "" : text("token_unknown"));
    return false;
  }
  set_line(node("notice"), notice_of(error, Math.ceil(wait_ms / 1000)));
  node("login").hidden = true;
  current.node.hidden = current.question.at === null;
  node("forget").hidden = token.get() === null;
  return error.kind !== "role" && error.code !== code_no_data;
}

const poll = new Poll(look, () => current.wait_ms(), on_error);

function look_at(change) {
  Object.assign(view, change);
  write_view(view);
  overview.show_filter();
  poll.now();
}

// ---- showing

function show_title() {
  const title = current.title();
  if (document.title !== title) document.title = title;
}

function show_answered() {
  set_line(node("notice"), "");
  node("login").hidden = true;
  node("forget").hidden = token.get() === null;
  node("places").hidden = false;
  current.node.hidden = false;
  show_title();
  set_text(node("answered"), text("answered", { when: when(current.question.at) }));
}

/** Makes the view of the address the one that is looked at. */
function enter() {
  const place = read_place(location.hash);
  poll.stop();
  current.node.hidden = true;
  current = makers[place.name](place);
  node("views").replaceChildren(...(current === overview ? [] : [current.node]));
  current.node.hidden = node("login").hidden === false;
  node("verdict").hidden = current !== overview;
  set_line(node("notice"), "");
  for (const link of node("places").querySelectorAll("a")) {
    const is_here = read_place(link.getAttribute("href")).name === place.name;
    set_attribute(link, "aria-current", is_here ? "page" : null);
  }
  show_title();
  if (node("login").hidden) poll.now();
}

function show_login(wrong) {
  poll.stop();
  token.forget();
  caller.forget();
  overview.forget();
  current.question.forget();
  set_line(node("notice"), "");
  current.node.hidden = true;
  if (current !== overview) node("views").replaceChildren();
  node("forget").hidden = true;
  node("places").hidden = true;
  document.title = "gitferry";
  set_text(node("answered"), "");
  node("login").hidden = false;
  set_text(node("login-error"), wrong);
  set_attribute(node("token"), "aria-invalid", wrong === "" ? null : "true");
  node("token").value = "";
  node("token").focus();
}

/** All of it anew, in the language that was chosen. */
function label_all() {
  choose_language(view.language);
  label_document();
  node("language").textContent = text("language");
  node("language").lang = other_language() === "zh" ? "zh-CN" : "en";
  overview.label();
}

// ---- what people do

function take_token(event) {
  event.preventDefault();
  const given = node("token").value.trim();
  if (!token.is_possible(given)) return show_login(text("token_form"));
  token.set(given);
  set_text(node("login-error"), "");
  if (current === overview) return poll.now();
  node("login").hidden = true;
  enter();
}

function change_language() {
  view.language = other_language();
  label_all();
  write_view(view);
  overview.show_filter();
  enter();
}

function start() {
  node("login").addEventListener("submit", take_token);
  node("forget").addEventListener("click", () => show_login(""));
  node("language").addEventListener("click", change_language);
  node("skip").addEventListener("click", (event) => {
    // The part behind the # is the place that is looked at.
    event.preventDefault();
    current.focus();
  });
  window.addEventListener("hashchange", () => {
    enter();
    if (node("login").hidden) current.focus();
  });
  label_all();
  overview.show_filter();
  enter();
  if (current === overview) overview.node.hidden = token.get() === null;
}

start();
