// The places behind the `#` of the page's address: each is read as it was written, and what is none is the overview.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bind_branch_address, deliveries_address, delivery_address, read_place, run_address } from "../../api/page/address.js";

const overview = { name: "overview" };
const all = { name: "deliveries", repository: "", verdict: "", search: "", page: 1 };

test("a place is read as it was written", () => {
  assert.deepEqual(read_place(deliveries_address()), all);
  const filtered = { ...all, repository: "robot", verdict: "ignored", search: "a?b&c=#/ü %", page: 7 };
  assert.deepEqual(read_place(deliveries_address(filtered)), filtered);
  assert.deepEqual(read_place(delivery_address(12)), { name: "delivery", id: "12" });
  assert.deepEqual(read_place(run_address(7)), { name: "run", id: "7" });
  assert.deepEqual(read_place(bind_branch_address("a.b/c")), { name: "bind_branch", repository: "a.b/c" });
  assert.deepEqual(read_place("#/bind"), { name: "bind" });
  assert.equal(deliveries_address(all), "#/deliveries");
});

test("what is no place is the overview", () => {
  for (const hash of ["", "#", "#/", "#branches", "#/runs", "#/runs/", "#/runs/0", "#/runs/-1", "#/runs/1e3", "#/runs/1/2", "#/runs/9999999999999999",
    "#/deliveries/x", "#/deliveries/1/replay", "#/bind/a/b", "#/__proto__", "#/constructor"]) {
    assert.deepEqual(read_place(hash), overview, hash);
  }
  assert.deepEqual(read_place("#/bind/%ff"), { name: "bind" }, "what is no text is nothing");
});

test("a filter that means nothing is left out", () => {
  assert.deepEqual(read_place("#/deliveries?verdict=sideways&page=-1"), all);
  assert.deepEqual(read_place("#/deliveries?page=1.5&verdict="), all);
  assert.equal(read_place(`#/deliveries?search=${"x".repeat(500)}`).search.length, 200);
});
