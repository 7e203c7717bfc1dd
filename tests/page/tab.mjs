// What the steps of the story do with a tab.

import { eventually } from "./world.mjs";

/** A tab that remembers whatever went wrong in it. */
export async function open_tab(context, origin) {
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    // The browser says so of every refusal, which the story brings about on purpose, and of an agent that is gone.
    const is_expected = /the server responded with a status of (400|401|403|502)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !is_expected) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) wrong.push(`asked elsewhere: ${request.url()}`);
    if (request.url().includes("token-of")) wrong.push(`a token in an address: ${request.url()}`);
  });
  return { page, wrong };
}

export const shown_row = (page, name) => page.locator("tbody tr").filter({ has: page.locator(".name", { hasText: name }) });

/** Whether the texts are all in what the locator shows. */
export async function shows(locator, ...texts) {
  const what = `${locator} shows ${texts.join(", ")}`;
  await eventually(what, async () => {
    const shown = (await locator.count()) === 1 ? await locator.innerText() : "";
    return texts.every((text) => shown.includes(text));
  });
}

/** Waits as somebody who comes back to the tab all the time: the page asks at once then. */
export async function at_once(page, wait) {
  const timer = setInterval(() => {
    page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))).catch(() => {});
  }, 300);
  try {
    return await wait();
  } finally {
    clearInterval(timer);
  }
}
export const shows_at_once = (locator, ...texts) => at_once(locator.page(), () => shows(locator, ...texts));

export const short = (id) => id.slice(0, 7);

/** Gives the token that is asked for. */
export async function log_in(page, token) {
  await page.locator("#login").waitFor();
  await page.fill("#token", token);
  await page.keyboard.press("Enter");
}

/** Goes to a place of the page, as a link to it does. */
export const go_to = (page, place) => page.evaluate((hash) => void (location.hash = hash), place);
