// When the page asks the agent: the timing alone, with a clock that the test turns.

import assert from "node:assert/strict";
import { test } from "node:test";

const timers = new Map();
let now_ms = 0;
let next_timer = 1;
globalThis.setTimeout = (call, wait_ms) => {
  timers.set(next_timer, { call, at: now_ms + wait_ms });
  return next_timer++;
};
globalThis.clearTimeout = (timer) => timers.delete(timer);
globalThis.document = Object.assign(new EventTarget(), { hidden: false });

const { Poll } = await import("../../api/page/poll.js");

/** Lets what has begun come to its end; nothing of it waits for a timer. */
async function settle() {
  for (let i = 0; i < 20; ++i) await Promise.resolve();
}

async function pass(milliseconds) {
  const end = now_ms + milliseconds;
  await settle();
  for (;;) {
    const due = [...timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    timers.delete(due[0]);
    now_ms = due[1].at;
    due[1].call();
    await settle();
  }
  now_ms = end;
}

function hide(hidden) {
  document.hidden = hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}

function made(wait_ms = 1000, goes_on = true) {
  const made = { asked: 0, failure: null, waits: [], signals: [] };
  made.poll = new Poll(
    async (signal) => {
      ++made.asked;
      made.signals.push(signal);
      if (made.pending) await made.pending;
      if (made.failure) throw made.failure;
    },
    () => wait_ms,
    (error, wait) => {
      made.waits.push(wait);
      return goes_on;
    },
  );
  return made;
}

test("asks again and again", async () => {
  const asking = made();
  asking.poll.now();
  await pass(3500);
  assert.equal(asking.asked, 4);
  asking.poll.stop();
  await pass(10_000);
  assert.equal(asking.asked, 4);
});

test("asks nothing while nobody looks, and at once when somebody does", async () => {
  const asking = made();
  asking.poll.now();
  await pass(500);
  hide(true);
  await pass(3_600_000);
  assert.equal(asking.asked, 1);
  hide(false);
  await pass(0);
  assert.equal(asking.asked, 2);
  asking.poll.stop();
  hide(true);
  hide(false);
  await pass(10_000);
  assert.equal(asking.asked, 2);
});

test("does not go on where it was hidden while it asked", async () => {
  const asking = made();
  let answer;
  asking.pending = new Promise((resolve) => (answer = resolve));
  asking.poll.now();
  hide(true);
  answer();
  await settle();
  await pass(3_600_000);
  assert.equal(asking.asked, 1);
  hide(false);
  await pass(0);
  assert.equal(asking.asked, 2);
  asking.poll.stop();
});

test("waits longer after each failure, at most a minute, and as long as it is told to", async () => {
  const asking = made();
  asking.failure = new Error("nothing answers");
  asking.poll.now();
  await pass(5_000 + 10_000 + 20_000 + 40_000 + 60_000);
  assert.deepEqual(asking.waits, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  asking.failure.retry_after_ms = 90_000;
  await pass(60_000);
  assert.equal(asking.waits.at(-1), 90_000);
  asking.failure = null;
  await pass(90_000);
  asking.failure = new Error("again");
  await pass(1_000);
  assert.equal(asking.waits.at(-1), 5_000, "a good answer ends the series");
  asking.poll.stop();
});

test("stops where a failure says so", async () => {
  const asking = made(1000, false);
  asking.failure = new Error("no token");
  asking.poll.now();
  await pass(3_600_000);
  assert.equal(asking.asked, 1);
  hide(true);
  hide(false);
  await pass(0);
  assert.equal(asking.asked, 1);
});

test("gives up what it awaits when it is to ask at once", async () => {
  const asking = made();
  let answer;
  asking.pending = new Promise((resolve) => (answer = resolve));
  asking.poll.now();
  asking.pending = null;
  asking.poll.now();
  assert.equal(asking.signals[0].aborted, true);
  await settle();
  answer();
  await settle();
  assert.equal(timers.size, 1, "the one that was given up asks no more");
  await pass(1_000);
  assert.equal(asking.asked, 3);
  asking.poll.stop();
});
