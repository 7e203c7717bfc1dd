// Binding by a form that asks the agent about each value, and unbinding, which is asked about first.

import assert from "node:assert/strict";

import { go_to, shown_row, shows, shows_at_once } from "./tab.mjs";
import { eventually } from "./world.mjs";

const secret = "a-secret-that-was-typed-into-the-form";

/** Types into the field of that label and leaves it. */
async function type_into(page, label, value) {
  await page.getByLabel(label, { exact: true }).fill(value);
  await page.keyboard.press("Tab");
}
const field = (page, label) => page.locator(".field").filter({ has: page.getByLabel(label, { exact: true }) });
const rover = (page) => page.locator("tbody").filter({ has: page.locator(".repository-name", { hasText: /^rover$/ }) });

export const bind_steps = {
  "a form has the agent check what is typed": async ({ page, world }) => {
    const addresses = world.add_repository("rover");
    await page.getByRole("link", { name: "Bind a repository" }).click();
    await shows(page.locator(".view"), "Bound repositories", "robot · branches: 5");
    await page.getByRole("button", { name: "Bind", exact: true }).click();
    await shows(field(page, "Name"), "Something is needed here");
    assert.equal(await page.evaluate(() => document.activeElement.labels[0].textContent), "Name");
    await type_into(page, "Name", "robot");
    await shows(field(page, "Name"), "bound already");
    assert.equal(await page.getByLabel("Name", { exact: true }).getAttribute("aria-invalid"), "true");
    await type_into(page, "Name", "rover");
    await shows(field(page, "Name"), "The name is free");
    await type_into(page, "Internal address", "gopher://example.org/x");
    await shows(field(page, "Internal address"), "10001");
    await type_into(page, "Internal address", `${addresses.internal}-none`);
    await shows(field(page, "Internal address"), "20002");
    await type_into(page, "Internal address", addresses.internal);
    await shows(field(page, "Internal address"), "The host answers; branches: 2");
    await type_into(page, "External address", addresses.external);
    await type_into(page, "Token for the external address", secret);
    await shows(field(page, "External address"), "The host answers; branches: 0");
  },

  "what the agent refuses is told at its field": async ({ page }) => {
    await page.getByLabel("External address", { exact: true }).fill(await page.getByLabel("Internal address", { exact: true }).inputValue());
    await page.getByRole("button", { name: "Bind", exact: true }).click();
    await shows(field(page, "Internal address"), "name the same repository");
    assert.equal(await page.locator(".repository-name", { hasText: "rover" }).count(), 0);
  },

  "a repository is bound, and its token is nowhere in the page": async ({ page, world }) => {
    const external = `${world.hosts.external.url}/rover.git`;
    await type_into(page, "External address", external);
    await page.getByRole("button", { name: "Bind", exact: true }).click();
    await eventually("its branches are asked for", async () => new URL(page.url()).hash === "#/bind/rover");
    await shows(page.locator(".view"), external, "to_outer", "Bound branches");
    const kept = await page.evaluate(() => {
      const stored = JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]);
      return document.documentElement.outerHTML + stored + location.href;
    });
    assert.equal(kept.includes(secret), false);
    assert.equal(await page.locator("input[type=password]:visible").count(), 0);
    assert.equal(world.log().includes(secret), false);
  },

  "branches are bound, one after the other": async ({ page, world }) => {
    const offered = await page.locator("#internal-branches option").evaluateAll((all) => all.map((each) => each.value));
    assert.deepEqual(offered, ["main", "topic/x"]);
    const inside = page.getByLabel("Branch on the internal side");
    await eventually("the form is ready", () => inside.isVisible());
    const press = () => page.getByRole("button", { name: "Bind a branch", exact: true }).click();
    await inside.fill("main");
    await press();
    await shows(page.locator(".bind .reason"), "Bound: main ↔ main");
    assert.equal(await inside.evaluate((each) => each === document.activeElement), true);
    assert.equal(await inside.inputValue(), "");
    await inside.fill("main");
    await press();
    await shows(field(page, "Branch on the internal side"), "10003");
    await inside.fill("a..b");
    await press();
    await shows(field(page, "Branch on the internal side"), "10020");
    await inside.fill("topic/x");
    await page.getByLabel("Branch on the external side").fill("renamed");
    await press();
    await shows(page.locator(".bind .reason"), "Bound: topic/x ↔ renamed");
    await go_to(page, "#/");
    await page.getByRole("button", { name: "Details of rover topic/x" }).click();
    await page.locator(".actions").getByRole("button", { name: "Sync now" }).click();
    await shows(rover(page).locator("tr").filter({ hasText: "topic/x" }).first(), "In sync", "external: renamed");
    assert.equal(world.run("git", `--git-dir=${world.path("external", "repos", "rover.git")}`, "rev-parse", "renamed").trim(), world.tip("internal", "main"));
  },

  "unbinding is asked about first": async ({ page }) => {
    const dialog = page.getByRole("dialog");
    const actions = rover(page).locator(".actions");
    await actions.getByRole("button", { name: "Unbind" }).click();
    await shows(dialog, "Unbind topic/x ↔ renamed of rover?", "nothing is deleted there");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
    await page.keyboard.press("Escape");
    await eventually("the dialog is gone", async () => (await dialog.count()) === 0);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Unbind");
    await actions.getByRole("button", { name: "Unbind" }).click();
    await dialog.getByRole("button", { name: "Unbind" }).click();
    await eventually("the branch is gone", async () => !(await rover(page).innerText()).includes("topic/x"));
    assert.equal(await page.evaluate(() => document.activeElement.id), "branches", "the button went with its row");
    const button = page.getByRole("button", { name: "Unbind rover" });
    await button.click();
    await shows(dialog, "Unbind rover?", "None of its branches", "configuration file");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.equal(await button.evaluate((each) => each === document.activeElement), true);
    await button.click();
    await dialog.getByRole("button", { name: "Unbind" }).click();
    await eventually("the repository is gone", async () => (await rover(page).count()) === 0);
    assert.equal(await page.evaluate(() => document.activeElement.id), "branches");
    await shows_at_once(shown_row(page, /^main$/), "In sync");
  },
};
