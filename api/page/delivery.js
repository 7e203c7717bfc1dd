// One delivery: why a push was synced, or was not.

import { delivery_address, deliveries_address, run_address } from "./address.js";
import { ApiError, send } from "./api.js";
import { allow, caller } from "./caller.js";
import { fate_of, is_waiting, lane_name, lane_result, reason_text, ref_name, verdict_text } from "./delivery_words.js";
import { element, replace_children, set_attribute, set_line, set_text } from "./element.js";
import { bytes, moment } from "./format.js";
import { text } from "./texts.js";
import { calm_wait_ms, fact_rows, known_facts, moving_wait_ms, settled_wait_ms, View } from "./view.js";

const delivery_link = (id) => (id === null ? null : element("a", { href: delivery_address(id) }, text("delivery_number", { id })));

/** A line of the way that a push went: a name, and what came of it. */
function step(name, kind, ...said) {
  return element("li", { class: kind }, element("strong", {}, name), " ", ...said);
}

function lane_step(lane) {
  const { kind, said } = lane_result(lane);
  const run = lane.run_id === null ? [] : [" · ", element("a", { href: run_address(lane.run_id) }, text("run_number", { id: lane.run_id }))];
  return step(lane_name(lane), kind, said, ...run);
}

function ref_step(ref) {
  const is_taken = ref.verdict === "accepted";
  return step(ref_name(ref.ref), is_taken ? "good" : "calm", is_taken ? text("ref_taken") : reason_text(ref.reason ?? ""));
}

const steps_of = (rows, step_of) => (rows.length > 0 ? rows.map(step_of) : [element("li", {}, text("none"))]);

function facts_of(delivery) {
  return known_facts([
    [text("received"), moment(delivery.received_at)],
    [text("repository"), delivery.repo_name],
    [text("fact_named"), delivery.named_repository],
    [text("came_from"), delivery.provider],
    [text("fact_hook"), delivery.hook],
    [text("fact_side"), delivery.side],
    [text("fact_event"), delivery.event],
    [text("fact_host_id"), delivery.provider_delivery_id],
    [text("fact_request"), delivery.request_id],
    [text("fact_address"), delivery.source_address],
    [text("fact_size"), bytes(delivery.body_bytes)],
    [text("fact_replay_of"), delivery_link(delivery.replay_of)],
    [text("fact_duplicate_of"), delivery_link(delivery.duplicate_of)],
    [text("fact_same_body"), delivery_link(delivery.same_body_as)],
  ]);
}

export class Delivery extends View {
  #id;
  #shown = "";
  #is_asking = false;
  #fate = element("p", { class: "fate" });
  #refs = element("ul", { class: "steps" });
  #lanes = element("ul", { class: "steps" });
  #facts = element("dl");
  #replay = element("button", { type: "button" }, text("replay"));
  #limits = element("p", { class: "small", id: "replay-limits" });
  #answer = element("p", { class: "reason", role: "status" });
  #parts;

  constructor({ id }) {
    super(text("delivery_number", { id }));
    this.#id = id;
    this.#replay.addEventListener("click", () => this.#play());
    this.#parts = element("div", {}, this.#fate,
      element("div", { class: "actions" }, element("div", { class: "line" }, this.#replay), this.#limits, this.#answer),
      element("h3", {}, text("delivery_refs")), this.#refs,
      element("h3", {}, text("delivery_lanes")), this.#lanes,
      element("h3", {}, text("delivery_facts")), this.#facts);
    this.#parts.hidden = true;
    this.node.append(this.#parts, element("p", {}, element("a", { href: deliveries_address() }, text("all_deliveries"))));
  }

  async look(signal) {
    if (!(await this.question.ask(`cerobot/sync/deliveries/${this.#id}`, signal))) return;
    const delivery = this.question.body.data;
    set_line(this.note, "");
    this.#parts.hidden = false;
    this.#allow_replay(delivery);
    const wanted = JSON.stringify(delivery);
    if (this.#shown === wanted) return;
    this.#shown = wanted;
    const { kind, said } = fate_of(delivery);
    set_attribute(this.#fate, "class", `fate ${kind}`);
    set_text(this.#fate, `${verdict_text(delivery.verdict)}: ${said}`);
    replace_children(this.#refs, steps_of(delivery.refs, ref_step));
    replace_children(this.#lanes, steps_of(delivery.lanes, lane_step));
    replace_children(this.#facts, fact_rows(facts_of(delivery)));
  }

  #allow_replay({ verdict, repo_name }) {
    if (this.#is_asking) return;
    set_line(this.#limits, caller.limits(["operate", "limit_replay"]));
    allow(this.#replay, "operate", this.#limits.id);
    if (verdict === "refused" || repo_name === null) this.#replay.disabled = true;
  }

  wait_ms() {
    const { lanes } = this.question.body.data;
    if (lanes.some((lane) => lane.run_state === "running")) return moving_wait_ms;
    return lanes.some(is_waiting) ? calm_wait_ms : settled_wait_ms;
  }

  async #play() {
    this.#is_asking = true;
    this.#replay.disabled = true;
    set_text(this.#answer, text("action_asked"));
    try {
      const body = await send("POST", `cerobot/sync/deliveries/${this.#id}/replay`);
      if (body.code_status !== 0) {
        set_text(this.#answer, `${body.code_status} ${body.detail ?? body.msg}`);
      } else {
        const { delivery_id, verdict, reason } = body.data;
        const said = verdict === "accepted" ? text("replay_taken") : reason_text(reason ?? "");
        this.#answer.replaceChildren(`${verdict_text(verdict)}: ${said} `, delivery_link(delivery_id));
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      set_text(this.#answer, error.message);
    }
    this.#is_asking = false;
    this.#allow_replay(this.question.body.data);
    this.#replay.focus();
  }
}
