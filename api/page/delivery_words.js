// What became of a delivery, in words.

import { count } from "./format.js";
import { text } from "./texts.js";

/** By the API's stable words. Others are shown as they are. */
const reasons = {
  ping: "why_ping",
  test_delivery: "why_test",
  unsupported_event: "why_event",
  no_changes: "why_no_changes",
  not_a_branch: "why_no_branch",
  branch_not_bound: "why_branch_not_bound",
  branch_disabled: "why_branch_disabled",
  repository_disabled: "why_repository_disabled",
  not_a_source: "why_not_a_source",
  deletion_ignored: "why_deletion",
  not_bound: "why_not_bound",
  several_reasons: "why_several",
  same_signed_id: "why_duplicate",
  malformed: "why_malformed",
  other_repository: "why_other_repository",
};
const verdict_names = {
  accepted: "verdict_accepted",
  ignored: "verdict_ignored",
  duplicate: "verdict_duplicate",
  refused: "verdict_refused",
};

export const reason_text = (reason) => (Object.hasOwn(reasons, reason) ? text(reasons[reason]) : reason);
export const verdict_text = (verdict) => text(verdict_names[verdict]);

/** A branch by its name alone; everything else in full. */
export const ref_name = (ref) => (ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : ref);
export const lane_name = (lane) => {
  const [inside, outside] = [ref_name(lane.internal_ref), ref_name(lane.external_ref)];
  return inside === outside ? inside : `${inside} ↔ ${outside}`;
};

/** Whether the run that tells is still to come, or to come again. */
export const is_waiting = (lane) => lane.run_id === null || lane.run_state !== "finished";
const has_failed = (lane) => !is_waiting(lane) && lane.code_status !== 0;

/** `{kind, said}`: what a push that came with this delivery came to. */
export function fate_of(delivery) {
  if (delivery.verdict !== "accepted") {
    return { kind: delivery.verdict === "refused" ? "bad" : "calm", said: reason_text(delivery.reason ?? "") };
  }
  const { lanes } = delivery;
  const failed = lanes.filter(has_failed);
  if (failed.length > 0) {
    const { code_status, error } = failed[0];
    return { kind: "bad", said: text("fate_failed", { count: count(failed.length), of: count(lanes.length), error: `${code_status} ${error ?? ""}` }) };
  }
  if (lanes.some(is_waiting)) return { kind: "calm", said: text("fate_waiting") };
  if (lanes.length === 0) return { kind: "calm", said: text("fate_compared") };
  return { kind: "good", said: text("fate_synced", { count: count(lanes.length) }) };
}

/** How the run of a lane ended, or how it stands. */
export function lane_result(lane) {
  if (lane.run_id === null) return { kind: "calm", said: text("lane_waits") };
  if (lane.run_state === "running") return { kind: "calm", said: text("run_running") };
  if (lane.run_state === "interrupted") return { kind: "calm", said: text("run_interrupted") };
  if (lane.code_status !== 0) return { kind: "bad", said: `${lane.code_status} ${lane.error ?? ""}` };
  return { kind: "good", said: lane.plan ?? text("run_done") };
}
