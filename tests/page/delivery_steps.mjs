// "Why was my push not synced?": from a branch to its deliveries, from a delivery to its runs, and again.

import assert from "node:assert/strict";

import { go_to, log_in, open_tab, short, shown_row, shows, shows_at_once } from "./tab.mjs";
import { eventually } from "./world.mjs";

const heading = (page) => page.locator(".view h2");
const hash_of = (page) => new URL(page.url()).hash;
const id_of = (page) => hash_of(page).split("/").at(-1);
const has_focus = (locator) => locator.evaluate((each) => each === document.activeElement);
const delivery_rows = (page) => page.locator(".deliveries tbody tr");

export const delivery_steps = {
  "a branch leads to its deliveries, and those to what became of them": async ({ page }) => {
    await page.getByRole("button", { name: "Details of robot stable" }).click();
    await page.getByRole("link", { name: "Deliveries of stable" }).click();
    assert.equal(hash_of(page), "#/deliveries?repo=robot&search=stable");
    await eventually("both pushes are there", async () => (await delivery_rows(page).count()) === 2);
    assert.equal(await has_focus(heading(page)), true);
    assert.equal(await page.title(), "Deliveries – gitferry");
    await shows(delivery_rows(page).first(), "robot", "stable", "github", "Accepted", "1 of 1 syncs failed: 20010 diverged");
    await shows(delivery_rows(page).last(), "Accepted", "synced: 1");
    await delivery_rows(page).first().getByRole("link").click();
    await shows(page.locator(".fate"), "Accepted: it arrived, and 1 of 1 syncs failed: 20010 diverged");
    await shows(page.locator(".view .steps").last(), "stable ↔ release", "20010 diverged", "Run ");
    await shows(page.locator(".view dl"), "robot", "internal", "push", "127.0.0.1");
  },

  "a run tells what happened, and where its time went": async ({ page, world }) => {
    const delivery = id_of(page);
    await page.locator(".view .steps").getByRole("link").click();
    await shows(heading(page), "Run ", "robot stable ↔ release");
    await shows(page.locator(".fate"), "20010 diverged");
    await shows(page.locator(".log"), "release", short(world.tip("external", "release")));
    await shows(page.locator(".phases"), "asking both hosts", "checking the history");
    await shows(page.locator(".view dl"), "internal → external", "webhook", world.tip("internal", "stable"));
    await page.getByRole("link", { name: `Delivery ${delivery}` }).click();
    await shows(heading(page), `Delivery ${delivery}`);
    await page.goBack();
    await shows(heading(page), "Run ");
  },

  "a push that nobody bound tells so, and is found": async ({ page, world }) => {
    world.commit("internal", "unbound", "for nobody");
    world.deliver("unbound");
    await page.getByRole("link", { name: "Deliveries", exact: true }).click();
    assert.equal(await page.locator("#places [aria-current]").innerText(), "Deliveries");
    await shows_at_once(delivery_rows(page).first(), "unbound", "Ignored", "the branch is not bound");
    await page.fill("#delivery-search", "UNBOUND");
    await page.selectOption("#delivery-verdict", "ignored");
    await eventually("one is left", async () => (await delivery_rows(page).count()) === 1);
    await eventually("the address has it", async () => hash_of(page) === "#/deliveries?verdict=ignored&search=UNBOUND");
    await page.reload();
    await shows(delivery_rows(page), "unbound", "Ignored");
    assert.equal(await page.inputValue("#delivery-verdict"), "ignored");
    await page.selectOption("#delivery-verdict", "refused");
    await shows(page.locator(".view [role=status]").first(), "No delivery fits");
    await page.selectOption("#delivery-verdict", "");
    await page.fill("#delivery-search", "refs/heads/<img");
    await shows(delivery_rows(page), "<img/src/onerror");
    await page.fill("#delivery-search", "");
    await delivery_rows(page).nth(2).waitFor();
  },

  "a replay says what it did": async ({ page, world, context, wrong }) => {
    await go_to(page, "#/deliveries?search=main");
    await delivery_rows(page).getByRole("link").first().click();
    await shows(page.locator(".fate"), "synced: 1");
    const replayed = id_of(page);
    await page.getByRole("button", { name: "Replay" }).click();
    await shows(page.locator(".actions .reason"), "Accepted: it is run again as Delivery");
    await page.locator(".actions .reason").getByRole("link").click();
    await shows_at_once(page.locator(".fate"), "synced: 1");
    await shows(page.locator(".view dl"), "Repeats", `Delivery ${replayed}`);
    const reader = await open_tab(context, world.url);
    await reader.page.goto(`${world.url}/#/deliveries/${replayed}`);
    await log_in(reader.page, "not-the-token");
    await shows(reader.page.locator("#login-error"), "does not know this token");
    assert.equal(await reader.page.locator(".view").count(), 0);
    await log_in(reader.page, world.tokens.reader);
    await shows(reader.page.locator(".actions"), "This token has the role read. A replay needs operate.");
    assert.equal(await reader.page.getByRole("button", { name: "Replay" }).isDisabled(), true);
    wrong.push(...reader.wrong);
    await reader.page.close();
  },

  "a run that goes on shows how far it is": async ({ page, world }) => {
    await go_to(page, "#/");
    world.gate.close();
    world.commit("internal", "large", "another large one", 12 * 1024 * 1024);
    world.deliver("large");
    await shows_at_once(shown_row(page, /^large$/), "sending");
    await page.getByRole("button", { name: "Details of robot large" }).click();
    await page.locator(".details .runs li", { hasText: "running" }).getByRole("link", { name: /^Run/ }).click();
    await shows_at_once(page.locator(".view"), "running", "sending", "of 3 objects", "The log is written when the run ends");
    assert.equal(await page.locator(".phases").count(), 0);
    world.gate.open();
    await shows_at_once(page.locator(".fate"), "fast_forward");
    assert.deepEqual(await page.locator(".phases li").evaluateAll((all) => all.map((each) => each.className)),
      ["listing", "proving", "sending", "waiting"]);
    await shows(page.locator(".phases"), "sending: ", "the target checks: ");
    const parts = await page.locator(".bar span").evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width));
    assert.ok(parts.every((width) => width >= 1) && parts[2] > parts[0], `${parts}`);
    assert.equal(await page.locator(".view progress").isVisible(), false);
  },

  "what is not kept, and what is no place, is told": async ({ page }) => {
    for (const place of ["#/runs/999999", "#/deliveries/999999"]) {
      await go_to(page, place);
      await shows(page.locator("#notice"), "there is none of that id any more");
      assert.equal(await page.locator(".view").isVisible(), false);
    }
    for (const place of ["#/runs/x", "#/deliveries/1/2", "#/bind/%ff/x", "#/nowhere"]) {
      await go_to(page, place);
      await shown_row(page, /^main$/).waitFor();
      assert.equal(await page.locator("#notice").isVisible(), false, place);
    }
    await go_to(page, "#/");
    for (const button of await page.getByRole("button", { name: /^Details of/, expanded: true }).all()) await button.click();
    assert.equal(await page.locator(".details").count(), 0);
  },
};
