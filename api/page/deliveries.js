// The webhooks that arrived, newest first: whether a push came at all, and what it came to.

import { deliveries_address, delivery_address, verdicts } from "./address.js";
import { fate_of, ref_name, verdict_text } from "./delivery_words.js";
import { element, replace_children, set_attribute, set_line, set_text } from "./element.js";
import { count, moment, when } from "./format.js";
import { text } from "./texts.js";
import { calm_wait_ms, moving_wait_ms, View } from "./view.js";

const page_size = 50;
const typing_wait_ms = 250;
/** A search looks at every delivery that is kept: the longer that takes, the less often it is asked for. */
const rest_factor = 50;
/** Of the refs of one push; the delivery itself shows them all. */
const shown_refs = 3;

const cell = (label, ...children) => element("td", { role: "cell", "data-head": text(label) }, ...children);

function refs_text(delivery) {
  const names = delivery.refs.map((each) => ref_name(each.ref));
  const said = names.slice(0, shown_refs).join(", ");
  return names.length > shown_refs ? text("and_more", { names: said, count: count(names.length - shown_refs) }) : said;
}

function row_of(delivery) {
  const { kind, said } = fate_of(delivery);
  const time = element("time", { datetime: delivery.received_at, title: moment(delivery.received_at) }, when(delivery.received_at));
  const link = element("a", { href: delivery_address(delivery.id) }, text("delivery_number", { id: delivery.id }));
  const name = delivery.repo_name ?? delivery.named_repository ?? text("unknown");
  return element("tr", { role: "row" },
    element("th", { role: "rowheader", scope: "row" }, link, element("span", { class: "small" }, time)),
    cell("repository", name, element("span", { class: "small" }, refs_text(delivery))),
    cell("came_from", delivery.provider, element("span", { class: "small" }, delivery.event)),
    cell("verdict", verdict_text(delivery.verdict), element("span", { class: `small ${kind}` }, said)));
}

export class Deliveries extends View {
  #place;
  #shown = null;
  #refresh;
  #search = element("input", { type: "search", id: "delivery-search", maxlength: "200", autocomplete: "off", spellcheck: "false" });
  #verdict = element("select", { id: "delivery-verdict" });
  #repository = element("button", { type: "button" });
  #table;
  #body = element("tbody", { role: "rowgroup" });
  #previous = element("button", { type: "button" }, text("previous"));
  #next = element("button", { type: "button" }, text("next"));
  #page = element("span");
  #pages = element("nav", { class: "line", "aria-label": text("pages") }, this.#previous, this.#page, this.#next);

  /** `refresh()` has it asked for at once. */
  constructor(place, refresh) {
    super(text("deliveries"));
    this.#place = place;
    this.#refresh = refresh;
    const head = ["delivery", "repository", "came_from", "verdict"].map((key) =>
      element("th", { role: "columnheader", scope: "col" }, text(key)));
    this.#table = element("table", { role: "table", class: "deliveries" },
      element("caption", { class: "unseen" }, text("deliveries")),
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...head)), this.#body);
    this.#table.hidden = this.#pages.hidden = true;
    this.node.append(this.#filters(), this.#table, this.#pages);
    this.node.append(element("p", { class: "small" }, text("deliveries_unproven")));
  }

  async look(signal) {
    if (!(await this.question.ask(this.#path(), signal))) return;
    const { data, total } = this.question.body;
    const pages = Math.max(1, Math.ceil(total / page_size));
    if (this.#place.page > pages) return this.#look_at({ page: pages });
    this.#show_rows(data);
    this.#table.hidden = data.length === 0;
    const { repository, verdict, search } = this.#place;
    const is_filtered = repository !== "" || verdict !== "" || search !== "";
    set_line(this.note, data.length > 0 ? "" : text(is_filtered ? "deliveries_none" : "deliveries_empty"));
    this.#pages.hidden = pages === 1;
    this.#previous.disabled = this.#place.page <= 1;
    this.#next.disabled = this.#place.page >= pages;
    set_text(this.#page, text("delivery_pages", { page: count(this.#place.page), pages: count(pages), total: count(total) }));
  }

  wait_ms() {
    if (this.#place.search !== "") return Math.max(calm_wait_ms, rest_factor * this.question.took_ms);
    const is_moving = this.question.body.data.some((each) => each.lanes.some((lane) => lane.run_state === "running"));
    return is_moving ? moving_wait_ms : calm_wait_ms;
  }

  #show_rows(data) {
    if (this.#shown === data) {
      for (const time of this.#body.querySelectorAll("time")) set_text(time, when(time.getAttribute("datetime")));
      return;
    }
    this.#shown = data;
    replace_children(this.#body, data.map(row_of));
  }

  #path() {
    const { repository, verdict, search, page } = this.#place;
    const wanted = new URLSearchParams({ page_size: String(page_size), page_num: String(page) });
    if (repository !== "") wanted.set("repo_name", repository);
    if (verdict !== "") wanted.set("verdict", verdict);
    if (search !== "") wanted.set("search", search);
    return `cerobot/sync/deliveries?${wanted}`;
  }

  #look_at(change) {
    Object.assign(this.#place, change);
    history.replaceState(null, "", location.pathname + location.search + deliveries_address(this.#place));
    this.#show_repository();
    this.#refresh();
  }

  #filters() {
    this.#verdict.append(element("option", { value: "" }, text("any_verdict")));
    for (const each of verdicts) this.#verdict.append(element("option", { value: each }, verdict_text(each)));
    this.#verdict.value = this.#place.verdict;
    this.#verdict.addEventListener("change", () => this.#look_at({ verdict: this.#verdict.value, page: 1 }));
    this.#search.value = this.#place.search;
    set_attribute(this.#search, "placeholder", text("delivery_search"));
    let typing = 0;
    this.#search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#look_at({ search: this.#search.value.trim(), page: 1 }), typing_wait_ms);
    });
    this.#repository.addEventListener("click", () => {
      this.#look_at({ repository: "", page: 1 });
      this.#search.focus();
    });
    this.#show_repository();
    this.#previous.addEventListener("click", () => this.#look_at({ page: this.#place.page - 1 }));
    this.#next.addEventListener("click", () => this.#look_at({ page: this.#place.page + 1 }));
    return element("div", { class: "line", role: "search" },
      element("label", { class: "unseen", for: "delivery-search" }, text("delivery_search")), this.#search,
      element("label", { class: "unseen", for: "delivery-verdict" }, text("verdict")), this.#verdict, this.#repository);
  }

  #show_repository() {
    const { repository } = this.#place;
    set_line(this.#repository, repository === "" ? "" : text("only_repository", { name: repository }));
  }
}
