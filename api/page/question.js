// What a view knows: the last answer to the path that it asks for.

import { ask } from "./api.js";
import { language } from "./texts.js";

/** While it is asked for the same, only what has changed is sent again. */
export class Question {
  #etag = null;
  #path = "";
  #language = "";
  body = null;
  /** When it was answered last; null: never. */
  at = null;
  took_ms = 0;

  /** False where the answer is wanted no more. Throws ApiError. */
  async ask(path, signal) {
    const is_same = path === this.#path && language() === this.#language;
    const began = performance.now();
    const answer = await ask(path, { etag: is_same ? this.#etag : null, signal });
    if (signal.aborted) return false;
    this.took_ms = performance.now() - began;
    if (answer !== null) {
      this.body = answer.body;
      this.#etag = answer.etag;
      this.#path = path;
      this.#language = language();
    }
    this.at = Date.now();
    return true;
  }

  forget() {
    this.body = this.at = this.#etag = null;
    this.#path = "";
  }
}
