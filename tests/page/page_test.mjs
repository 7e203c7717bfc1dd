// The web page in a real browser, before an agent between two real git hosts: one story, from the first look to an
// agent that is gone.
//
//   node page_test.mjs GITFERRY SOURCE DRIVER

import assert from "node:assert/strict";

import { accessibility_steps } from "./accessibility_steps.mjs";
import { bind_steps } from "./bind_steps.mjs";
import { delivery_steps } from "./delivery_steps.mjs";
import { role_steps } from "./role_steps.mjs";
import { at_once, open_tab, short, shown_row, shows, shows_at_once } from "./tab.mjs";
import { eventually, launch_browser, PrefixProxy, World } from "./world.mjs";

const [gitferry, source, driver] = process.argv.slice(2);
const hostile_branch = "<img/src/onerror=window.hacked=1>";
const hostile_reason = "<img src=x onerror=window.hacked=2>";

/** The steps, in order; each goes on where the one before it ended. */
const steps = {
  "without a token it asks for one": async ({ page }) => {
    await page.locator("#login").waitFor();
    assert.equal(await page.locator("#overview").isVisible(), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), "token");
  },

  "a wrong token is told to be wrong": async ({ page }) => {
    await page.fill("#token", "not-the-token");
    await page.keyboard.press("Enter");
    await shows(page.locator("#login-error"), "does not know this token");
    await page.fill("#token", "nö token");
    await page.keyboard.press("Enter");
    await shows(page.locator("#login-error"), "cannot be a token");
  },

  "with the right one it says that nothing is bound": async ({ page, world }) => {
    await page.fill("#token", world.tokens.reader);
    await page.keyboard.press("Enter");
    await shows(page.locator("#empty"), "Nothing is bound yet");
    await shows(page.locator("#verdict"), "Nothing is bound yet");
    assert.equal(new URL(page.url()).search, "");
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  },

  "a bound branch appears by itself": async ({ page, world }) => {
    world.commit("internal", "main", "first");
    world.commit("internal", hostile_branch, "second");
    world.commit("internal", "refused", "third");
    world.commit("internal", "large", "fourth");
    world.write_config([["main", "main"], ["stable", "release"], [hostile_branch, hostile_branch], ["refused", "refused"], ["large", "large"]]);
    world.reload();
    await shows(shown_row(page, /^main$/), "main", "Never synced");
    await shows(shown_row(page, /^stable$/), "external: release");
    await shows(page.locator("#verdict"), "never synced: 5");
    await shows(page.locator(".repository"), "robot");
  },

  "a push comes in step, with its tip": async ({ page, world }) => {
    world.deliver("main");
    await shows_at_once(shown_row(page, /^main$/), "In sync", short(world.tip("internal", "main")), "in sync for", "create");
    assert.equal(world.tip("external", "main"), world.tip("internal", "main"));
    await shows(page.locator("#states button.in_sync"), "In sync 1");
  },

  "while a host is away the branch is tried again, and comes by itself": async ({ page, world }) => {
    world.gate.cut();
    world.commit("internal", "main", "while the host is away");
    world.deliver("main");
    const row = shown_row(page, /^main$/);
    await shows_at_once(row, "Retrying", "next attempt", "in a row");
    await shows(page.locator("#verdict"), "Branches that are tried again: 1");
    assert.notEqual(world.tip("external", "main"), world.tip("internal", "main"));
    world.gate.mend();
    await shows_at_once(row, "In sync", short(world.tip("internal", "main")));
    assert.equal(world.tip("external", "main"), world.tip("internal", "main"));
  },

  "a running transfer shows how far it is": async ({ page, world }) => {
    world.deliver("large");
    await shows_at_once(shown_row(page, /^large$/), "In sync");
    world.gate.close();
    world.commit("internal", "large", "a large one", 12 * 1024 * 1024);
    world.deliver("large");
    const row = shown_row(page, /^large$/);
    await shows_at_once(row, "Running or waiting", "sending", "of 3 objects", "MiB");
    assert.equal(await row.locator("progress").getAttribute("max"), "3");
    world.gate.open();
    await shows_at_once(row, "In sync", short(world.tip("internal", "large")));
    assert.equal(await row.locator("progress").isVisible(), false);
  },

  "a target with commits of its own is told, with the reason": async ({ page, world }) => {
    world.commit("internal", "stable", "inside");
    world.deliver("stable");
    await shows_at_once(shown_row(page, /^stable$/), "In sync");
    world.commit("internal", "stable", "inside, too");
    world.commit("external", "release", "outside");
    world.deliver("stable");
    const row = shown_row(page, /^stable$/);
    await shows_at_once(row, "Diverged", short(world.tip("internal", "stable")), short(world.tip("external", "release")));
    await shows(row.locator(".reason"), "release");
    await shows(page.locator("#verdict"), "Branches that need somebody: 1");
    assert.match(await page.title(), /^\(!\) /);
  },

  "hostile texts stay texts": async ({ page, world, wrong }) => {
    world.refuse_pushes("refused", hostile_reason);
    for (const branch of [hostile_branch, "refused"]) world.deliver(branch);
    await shows_at_once(shown_row(page, hostile_branch), hostile_branch, "In sync");
    await shows_at_once(shown_row(page, /^refused$/), "Failed", hostile_reason);
    await shown_row(page, /^refused$/).getByRole("button", { name: "Details" }).click();
    await shows(page.locator(".details .runs li"), hostile_reason);
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    const refusal = await page.evaluate(() => {
      try {
        document.body.insertAdjacentHTML("beforeend", "<i>x</i>");
        return "taken";
      } catch (error) {
        return error.name;
      }
    });
    assert.equal(refusal, "TypeError", "markup is refused by the policy");
    await eventually("the browser says so", () => wrong.length === 1);
    assert.match(wrong.pop(), /TrustedHTML/);
  },

  "details show the last runs, and close again": async ({ page, world }) => {
    await page.getByRole("button", { name: "Details of robot refused" }).click();
    assert.equal(await page.locator(".details").count(), 0);
    assert.match(await shown_row(page, /^stable$/).innerText(), /the target lags by .*last success/s);
    const strip = await shown_row(page, /^stable$/).locator(".strip").getAttribute("aria-label");
    assert.equal(strip, "Last runs, 2: 1 pushed, 1 failed");
    const button = page.getByRole("button", { name: "Details of robot stable" });
    await button.focus();
    await page.keyboard.press("Enter");
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    await eventually("both runs are listed", async () => (await page.locator(".details .runs li").count()) === 2);
    await shows(page.locator(".details .runs li").first(), "20010 diverged", "webhook", "delivery");
    await shows(page.locator(".details dl"), world.tip("internal", "stable"), world.tip("external", "release"));
    assert.equal(await button.evaluate((each) => each === document.activeElement), true);
  },

  ...role_steps,

  "actions are asked of the agent, and its answer is shown": async ({ page, world }) => {
    const answer = page.locator(".actions .reason");
    const press = (name) => page.locator(".actions").getByRole("button", { name }).click();
    await page.getByRole("button", { name: "Details of robot main" }).click();
    const before = world.tip("external", "main");
    world.commit("internal", "main", "not announced");
    await press("What would a sync do?");
    await shows(answer, "A sync would: fast_forward", short(before), short(world.tip("internal", "main")));
    assert.equal(world.tip("external", "main"), before);
    await press("Sync now");
    await shows(answer, "The sync did: fast_forward");
    assert.equal(world.tip("external", "main"), world.tip("internal", "main"));
    await press("Disable");
    await shows(shown_row(page, /^main$/), "Disabled");
    await press("Enable");
    await shows(shown_row(page, /^main$/), "In sync");
    await page.getByRole("button", { name: "Details of robot main" }).click();
  },

  ...delivery_steps,
  ...bind_steps,

  "state and name survive a reload in the address": async ({ page }) => {
    const names = () => page.locator("tbody .name").allInnerTexts();
    await page.locator("#states button.diverged").click();
    await at_once(page, () => eventually("only what diverged is shown", async () => (await names()).join() === "stable"));
    assert.equal(new URL(page.url()).search, "?state=diverged");
    await page.fill("#search", "RELEASE");
    await eventually("the search is in the address", () => new URL(page.url()).search === "?state=diverged&search=RELEASE");
    await page.reload();
    await eventually("the same is shown", async () => (await names()).join() === "stable");
    assert.equal(await page.inputValue("#search"), "RELEASE");
    assert.equal(await page.locator("#states button.diverged").getAttribute("aria-pressed"), "true");
    await page.fill("#search", "nowhere");
    await shows(page.locator("#empty"), "No branch fits");
    await page.locator("#clear").click();
    await eventually("all are shown", async () => (await names()).length === 5);
    assert.equal(new URL(page.url()).search, "");
  },

  "the language changes, and stays in the address": async ({ page }) => {
    await page.locator("#language").click();
    await shows(shown_row(page, /^main$/), "已同步");
    await shows(page.locator("#verdict"), "需要处理的分支：2");
    assert.equal(new URL(page.url()).search, "?lang=zh");
    await page.reload();
    await shows(shown_row(page, /^stable$/), "已分叉");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
    await page.locator("#language").click();
    await shows(shown_row(page, /^main$/), "In sync");
  },

  ...accessibility_steps,

  "nothing of it is wider than a phone": async ({ page }) => {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole("button", { name: "Details of robot stable" }).click();
    await page.locator(".details .runs li").first().waitFor();
    for (const color of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: color });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${width} pixels in ${color}`);
    }
    await page.setViewportSize(size);
  },

  "what has not changed is not sent again": async ({ page }) => {
    const status_of_next = async () =>
      (await page.waitForResponse((response) => response.url().includes("/cerobot/sync/status"))).status();
    await at_once(page, () => eventually("an unchanged state is answered 304", async () => (await status_of_next()) === 304));
  },

  "many branches come in pages, which are in the address": async ({ page, world }) => {
    const many = Array.from({ length: 120 }, (_, i) => [`many-${i}`, `many-${i}`]);
    world.write_config([["main", "main"], ...many]);
    world.reload();
    await shows_at_once(page.locator("#page-number"), "Page 1 of 2, 121 branches");
    assert.equal(await page.locator("tbody .name").count(), 100);
    assert.equal(await page.locator("#previous").isDisabled(), true);
    await page.locator("#next").click();
    await shows(page.locator("#page-number"), "Page 2 of 2");
    await shows(shown_row(page, /^many-119$/), "Never synced");
    assert.equal(await page.locator("tbody .name").count(), 21);
    assert.equal(new URL(page.url()).searchParams.get("page"), "2");
    await page.reload();
    await shows(page.locator("#page-number"), "Page 2 of 2");
    world.write_config([["main", "main"]]);
    world.reload();
    await at_once(page, () => eventually("one row is left", async () => (await page.locator("tbody .name").count()) === 1));
    assert.equal(await page.locator("#pages").isVisible(), false);
    assert.equal(new URL(page.url()).searchParams.get("page"), null);
  },

  "forgetting the token takes everything away": async ({ page }) => {
    await page.locator("#forget").click();
    await page.locator("#login").waitFor();
    assert.equal(await page.locator("tbody").count(), 0);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  "behind a prefix it works as well, and says when the agent is gone": async ({ context, world, wrong }) => {
    const proxy = await PrefixProxy.in_front_of(world.url, "/tools/ferry");
    const tab = await open_tab(context, proxy.address);
    try {
      await tab.page.goto(`${proxy.address}?state=in_sync`);
      await tab.page.fill("#token", world.tokens.reader);
      await tab.page.keyboard.press("Enter");
      await shows(shown_row(tab.page, /^main$/), "In sync");
      proxy.is_agent_there = false;
      await shows_at_once(tab.page.locator("#notice"), "The agent does not answer", "What is shown is of");
      await shows(shown_row(tab.page, /^main$/), "In sync");
      proxy.is_agent_there = true;
      await eventually("the notice goes away by itself", async () => !(await tab.page.locator("#notice").isVisible()));
      await tab.page.getByRole("link", { name: "Deliveries", exact: true }).click();
      await shows(tab.page.locator(".deliveries"), "robot", "Accepted");
      assert.ok(tab.page.url().startsWith(proxy.address), tab.page.url());
      proxy.is_agent_there = false;
      await shows_at_once(tab.page.locator("#notice"), "The agent does not answer", "What is shown is of");
      await shows(tab.page.locator(".deliveries"), "robot");
    } finally {
      await tab.page.close();
      proxy.stop();
    }
    wrong.push(...tab.wrong);
  },
};

async function tell_the_story(world, browser) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(30_000);
  const { page, wrong } = await open_tab(context, world.url);
  await page.goto(`${world.url}/`);
  for (const [name, step] of Object.entries(steps)) {
    const began = Date.now();
    try {
      await step({ page, world, context, wrong });
      assert.deepEqual(wrong, []);
    } catch (error) {
      console.error(`FAILED: ${name}\n${await page.locator("body").innerText()}\n${world.log().slice(-3000)}`);
      throw error;
    }
    console.log(`ok ${name} (${Date.now() - began} ms)`);
  }
}

const world = new World({ gitferry, source });
let browser = null;
try {
  browser = await launch_browser(driver);
  await world.start();
  await tell_the_story(world, browser);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser?.close();
  world.stop();
}
