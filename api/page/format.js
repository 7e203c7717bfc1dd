// Numbers and times as people read them, in the language of the page.

import { language, text } from "./texts.js";

const locale = () => (language() === "zh" ? "zh-CN" : "en");

export const short_id = (id) => (id ? id.slice(0, 7) : "–");

export const count = (number) => new Intl.NumberFormat(locale()).format(number);

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    ++unit;
  }
  const digits = unit === 0 || number >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(number)} ${units[unit]}`;
}

const scales = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

function scaled(seconds) {
  const [unit, length] = scales.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return [Math.trunc(seconds / length), unit];
}

/** A length of time: `3 min`. */
export function duration(seconds) {
  const [value, unit] = scaled(seconds);
  return new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "short" }).format(value);
}

export function milliseconds(number) {
  if (number >= 1000) return duration(number / 1000);
  return new Intl.NumberFormat(locale(), { style: "unit", unit: "millisecond", unitDisplay: "short" }).format(number);
}

/** Runs take milliseconds, and their shortest phases less than one. */
export function microseconds(number) {
  if (number >= 1_000_000) return duration(number / 1_000_000);
  const options = { style: "unit", unit: "millisecond", unitDisplay: "short", maximumSignificantDigits: 3 };
  return new Intl.NumberFormat(locale(), options).format(number / 1000);
}

/** `5 minutes ago`, `in 3 seconds`; the agent's clock and this one's may differ by some seconds. */
export function when(time) {
  if (time === null || time === undefined) return text("unknown");
  const [value, unit] = scaled((new Date(time).getTime() - Date.now()) / 1000);
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(value, unit);
}

export function moment(time) {
  return time ? new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time)) : "";
}
