// The pictures of the page in the documents: an agent between two real git hosts, as somebody who runs one sees it.
//
//   node screenshots.mjs GITFERRY SOURCE DRIVER DIRECTORY

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { at_once, go_to, log_in, shown_row, shows } from "./tab.mjs";
import { launch_browser, World } from "./world.mjs";

const [gitferry, source, driver, directory] = process.argv.slice(2);

/** Branches with a history: in step, diverged, refused, renamed and never synced. */
async function live(page, world) {
  const branches = [["main", "main"], ["develop", "develop"], ["release/2.1", "stable"], ["feature/arm", "feature/arm"], ["docs", "docs"]];
  for (const [inside] of branches) world.commit("internal", inside, `the first of ${inside}`);
  world.write_config(branches);
  await world.start_agent();
  await page.goto(`${world.url}/`);
  await log_in(page, world.tokens.admin);
  const pushed = async (branch, sign) => {
    world.deliver(branch);
    await at_once(page, () => shows(shown_row(page, branch), sign));
  };
  for (let i = 0; i < 7; ++i) {
    world.commit("internal", "main", `change ${i}`, 4000 * (i + 1));
    await pushed("main", "In sync");
    if (i % 2 === 0) await pushed("develop", "In sync");
  }
  await pushed("release/2.1", "In sync");
  world.refuse_pushes("feature/arm", "the branch is frozen until the release");
  await pushed("feature/arm", "Failed");
  world.commit("internal", "release/2.1", "inside");
  world.commit("external", "stable", "outside");
  await pushed("release/2.1", "Diverged");
}

async function take(page, name, { color, width, height }) {
  await page.emulateMedia({ colorScheme: color });
  await page.setViewportSize({ width, height });
  await page.evaluate(() => {
    document.activeElement.blur();
    window.scrollTo(0, 0);
  });
  await page.screenshot({ path: join(directory, name) });
}

async function take_all(page) {
  await take(page, "page-light.png", { color: "light", width: 1100, height: 640 });
  await take(page, "page-phone.png", { color: "light", width: 390, height: 780 });
  await go_to(page, "#/deliveries?search=release");
  await page.locator(".deliveries tbody a").first().click();
  await shows(page.locator(".fate"), "20010");
  await take(page, "page-dark.png", { color: "dark", width: 900, height: 780 });
}

const world = new World({ gitferry, source });
let browser = null;
try {
  mkdirSync(directory, { recursive: true });
  browser = await launch_browser(driver);
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1100, height: 640 } });
  const page = await context.newPage();
  await world.start({ with_agent: false });
  await live(page, world);
  await take_all(page);
} finally {
  await browser?.close();
  world.stop();
}
