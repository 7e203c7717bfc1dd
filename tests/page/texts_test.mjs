// The page's texts: every language has all of them, with the same places to fill, and what the page asks for is there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

globalThis.document = { documentElement: {} };
const { choose_language, language, text, texts } = await import("../../api/page/texts.js");

const folder = new URL("../../api/page/", import.meta.url);
const places = (sentence) => (sentence.match(/\{\w+\}/g) ?? []).sort().join();

test("every language has the same texts with the same places", () => {
  const { en, zh } = texts;
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const [key, sentence] of Object.entries(en)) assert.equal(places(zh[key]), places(sentence), key);
});

test("what the page asks for is there, and nothing else", () => {
  const all = readdirSync(folder)
    .filter((name) => name !== "texts.js")
    .map((name) => readFileSync(new URL(name, folder), "utf8"))
    .join("\n");
  const asked = [...all.matchAll(/(?:text\(|cell\(|add\(|data-(?:text|label|placeholder)=)"(\w+)"/g)].map((found) => found[1]);
  for (const key of asked) assert.ok(key in texts.en, key);
  const phases = ["listing", "proving", "sending", "waiting"]; // as the API calls them
  const unused = Object.keys(texts.en).filter((key) => !phases.includes(key) && !new RegExp(`\\b${key}\\b`).test(all));
  assert.deepEqual(unused, []);
});

test("the language is that of the address, or else the browser's", () => {
  Object.defineProperty(globalThis, "navigator", { value: { language: "zh-Hans-CN" }, configurable: true });
  choose_language(null);
  assert.equal(language(), "zh");
  choose_language("en");
  assert.equal(language(), "en");
  for (const foreign of ["fr", "constructor", ""]) {
    choose_language(foreign);
    assert.equal(language(), "zh", foreign);
  }
  choose_language("en");
  assert.equal(text("objects", { done: 1, total: "{done}" }), "1 of {done} objects");
});
