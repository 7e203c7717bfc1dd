// What a token may not do is not offered, and the page says why.

import assert from "node:assert/strict";

import { go_to, log_in, shows } from "./tab.mjs";
import { eventually } from "./world.mjs";

const offered = (page) =>
  page.locator(".actions button:visible").evaluateAll((all) => all.filter((each) => !each.disabled).map((each) => each.textContent));
const limits = (page) => page.locator(".actions .small");

async function become(page, token) {
  await page.locator("#forget").click();
  await log_in(page, token);
  await page.getByRole("button", { name: "Details of robot stable" }).click();
}

export const role_steps = {
  "who may only read is offered nothing else, and told why": async ({ page }) => {
    await shows(limits(page), "This token has the role read. Syncs need operate. Enabling, disabling and unbinding need admin.");
    assert.deepEqual(await offered(page), []);
    const sync = page.locator(".actions").getByRole("button", { name: "Sync now" });
    assert.equal(await sync.getAttribute("aria-describedby"), await limits(page).getAttribute("id"));
    assert.equal(await page.locator(".repository .tools").isVisible(), false);
    for (const place of ["#/bind", "#/bind/robot"]) {
      await go_to(page, place);
      await shows(page.locator(".view"), "This token has the role read. Binding and unbinding need admin.", "robot");
      assert.equal(await page.locator(".view form").isVisible(), false);
      assert.equal(await page.locator(".view").getByRole("button", { name: "Unbind" }).isVisible(), false);
    }
    await go_to(page, "#/");
  },

  "who may sync is offered that": async ({ page, world }) => {
    await become(page, world.tokens.operator);
    await shows(limits(page), "This token has the role operate. Enabling, disabling and unbinding need admin.");
    assert.deepEqual(await offered(page), ["What would a sync do?", "Sync now"]);
    await page.locator(".actions").getByRole("button", { name: "Sync now" }).click();
    await shows(page.locator(".actions .reason"), "The sync did: refuse");
    assert.deepEqual(await offered(page), ["What would a sync do?", "Sync now"]);
  },

  "who may do all is offered all, and the agent has the last word": async ({ page, world }) => {
    await become(page, world.tokens.admin);
    await eventually("all is offered", async () => (await offered(page)).join() === "What would a sync do?,Sync now,Disable,Unbind");
    assert.equal(await limits(page).isVisible(), false);
    assert.equal(await page.locator(".repository .tools").isVisible(), true);
    const reload_with = (role) => {
      world.roles.admin = role;
      world.write_config(world.branches);
      world.reload();
      return eventually(`the role is ${role}`, () => world.role_of("admin") === role);
    };
    await reload_with("read");
    await page.locator(".actions").getByRole("button", { name: "Sync now" }).click();
    await shows(page.locator(".actions .reason"), "role does not suffice", "operate");
    await reload_with("admin");
    await page.locator(".actions").getByRole("button", { name: "What would a sync do?" }).click();
    await shows(page.locator(".actions .reason"), "A sync would: refuse");
    await page.getByRole("button", { name: "Details of robot stable" }).click();
  },
};
