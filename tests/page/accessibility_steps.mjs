// What assistive technology is told, and what small screens show, of every view.

import assert from "node:assert/strict";

import { go_to, shows } from "./tab.mjs";
import { eventually } from "./world.mjs";

/** What can be used has to have a name. */
const used_by_name = ["button", "link", "textbox", "searchbox", "combobox", "table", "dialog", "img", "image", "progressbar", "navigation"];

/** Of each view: its place, and what shows that it is there. */
async function places(page) {
  await go_to(page, "#/deliveries");
  const delivery = await page.locator(".deliveries tbody a").first().getAttribute("href");
  await go_to(page, "#/");
  await page.getByRole("button", { name: "Details of robot main" }).click();
  const run = await page.locator(".details .runs a").first().getAttribute("href");
  await page.getByRole("button", { name: "Details of robot main" }).click();
  return [["#/", "#branches"], ["#/deliveries", ".deliveries"], [delivery, ".steps"], [run, ".log"], ["#/bind", "form.bind"], ["#/bind/robot", "form.bind"]];
}

async function accessibility_tree(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  return nodes.filter((each) => !each.ignored).map((each) => ({ role: each.role?.value, name: each.name?.value ?? "" }));
}

async function show(page, [place, sign]) {
  await go_to(page, place);
  await eventually(`${place} is shown`, () => page.locator(sign).first().isVisible());
}

export const accessibility_steps = {
  "everything that can be used has a name, in every view": async ({ page }) => {
    for (const each of await places(page)) {
      await show(page, each);
      const tree = await accessibility_tree(page);
      const nameless = tree.filter(({ role, name }) => used_by_name.includes(role) && name.trim() === "");
      assert.deepEqual(nameless, [], each[0]);
      const roles = new Set(tree.map(({ role }) => role));
      for (const role of ["banner", "main", "contentinfo", "navigation", "heading"]) assert.ok(roles.has(role), `${each[0]} has no ${role}`);
      assert.ok(tree.some(({ role, name }) => role === "heading" && name === "gitferry"));
    }
    await show(page, ["#/", ".strip"]);
    const strips = (await accessibility_tree(page)).filter(({ role, name }) => ["img", "image"].includes(role) && name.startsWith("Last runs"));
    assert.ok(strips.length > 0, "the history of a branch is told in words");
  },

  "the keyboard alone reaches every view": async ({ page }) => {
    await go_to(page, "#/");
    await page.locator("#skip").focus();
    await page.keyboard.press("Enter");
    await eventually("the branches have the focus", () => page.evaluate(() => document.activeElement.id === "branches"));
    assert.equal(new URL(page.url()).hash, "#/", "it leads to no other place");
    await page.locator("#places a").nth(1).focus();
    await page.keyboard.press("Enter");
    await shows(page.locator(".view h2"), "Deliveries");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H2");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "delivery-search");
    // No mark of a strip is a stop on the way.
    assert.equal(await page.locator(".strip a:not([tabindex='-1'])").count(), 0);
  },

  "no view is wider than a phone, nor lacks a language": async ({ page }) => {
    const size = page.viewportSize();
    const all = await places(page);
    await page.setViewportSize({ width: 390, height: 844 });
    for (const each of all) {
      await show(page, each);
      for (const color of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: color });
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 390, `${each[0]}: ${width} pixels in ${color}`);
      }
    }
    await page.setViewportSize(size);
    await page.locator("#language").click();
    for (const each of all) {
      await show(page, each);
      assert.match(await page.locator("main").innerText(), /[\u4e00-\u9fff]{2}/, each[0]);
    }
    await page.locator("#language").click();
    await show(page, all[0]);
    await page.emulateMedia({ colorScheme: "light" });
  },
};
