// The management API, relative to where the page is: it may be behind a prefix.

import { language } from "./texts.js";

const base = new URL(".", document.baseURI);
/** Several agents may be behind prefixes of one host. */
const token_key = `gitferry.token ${base.pathname}`;
const patience_ms = 20_000;

/** Kept by the tab alone, and sent in a header: never in an address, a cookie or what outlives the tab. */
export const token = {
  get: () => sessionStorage.getItem(token_key),
  set: (value) => sessionStorage.setItem(token_key, value),
  forget: () => sessionStorage.removeItem(token_key),
  is_possible: (value) => /^[\x21-\x7e]+$/.test(value),
};

/** `kind`: unreachable, token, role, busy or refused. `code`: the API's code_status; 0 where it has none. */
export class ApiError extends Error {
  constructor(kind, detail = "", { retry_after_ms = 0, code = 0 } = {}) {
    super(detail);
    this.kind = kind;
    this.retry_after_ms = retry_after_ms;
    this.code = code;
  }
}

function headers(etag) {
  const sent = { "Accept-Language": language() === "zh" ? "zh-CN" : "en" };
  if (token.get() !== null) sent.Authorization = `Bearer ${token.get()}`;
  if (etag) sent["If-None-Match"] = etag;
  return sent;
}

async function answer_to(path, { method = "GET", etag = null, signal = null, body = null } = {}) {
  const patience = new AbortController();
  const give_up = () => patience.abort();
  const timer = setTimeout(give_up, patience_ms);
  signal?.addEventListener("abort", give_up, { once: true });
  try {
    const response = await fetch(new URL(path, base), {
      method,
      headers: headers(etag),
      body: body === null ? undefined : JSON.stringify(body),
      cache: "no-store",
      redirect: "error",
      signal: patience.signal,
    });
    return { response, body: response.status === 304 ? "" : await response.text() };
  } catch (error) {
    throw new ApiError("unreachable", String(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", give_up);
  }
}

function envelope(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function error_of(response, body) {
  const detail = body?.detail ?? body?.msg ?? `HTTP ${response.status}`;
  if (response.status === 401) return new ApiError("token", detail);
  if (response.status === 403) return new ApiError("role", detail);
  if (response.status === 429 || response.status === 503) {
    return new ApiError("busy", detail, { retry_after_ms: 1000 * Number(response.headers.get("Retry-After") ?? 0) });
  }
  // What a proxy says for an agent that is not there.
  if (response.status === 502 || response.status === 504) return new ApiError("unreachable", detail);
  return new ApiError("refused", detail, { code: body?.code_status ?? 0 });
}

/** What `path` answers: `{body, etag}`, or null where it still is what `etag` stands for. Throws ApiError. */
export async function ask(path, { etag = null, signal = null } = {}) {
  const { response, body: text } = await answer_to(path, { etag, signal });
  if (response.status === 304) return null;
  const body = envelope(text);
  if (!response.ok || body === null || body.code_status !== 0) throw error_of(response, body);
  return { body, etag: response.headers.get("ETag") };
}

/** Asks for a change. The envelope that it is answered with, also where that says what went wrong; throws ApiError. */
export async function send(method, path, sent = null) {
  const { response, body: text } = await answer_to(path, { method, body: sent });
  const body = envelope(text);
  if (!response.ok || body === null) throw error_of(response, body);
  return body;
}
