// Asking again and again: soon while something moves, seldom while nothing answers, not at all while nobody looks.

const error_wait_ms = 5_000;
const longest_wait_ms = 60_000;

/**
 * `look(signal)` asks and shows; it throws where that fails. `wait_ms()` says when to ask again, and
 * `on_error(error, wait_ms)` hears of failures; where it answers false, nothing is asked until now() is called.
 */
export class Poll {
  #look;
  #wait_ms;
  #on_error;
  #timer = 0;
  #failures = 0;
  #asking = null;
  #is_wanted = false;

  constructor(look, wait_ms, on_error) {
    this.#look = look;
    this.#wait_ms = wait_ms;
    this.#on_error = on_error;
    document.addEventListener("visibilitychange", () => this.#on_visibility());
  }

  /** Asks at once. An answer that is still awaited is given up. */
  async now() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.#is_wanted = true;
    let wait_ms;
    try {
      await this.#look(asking.signal);
      if (asking.signal.aborted) return;
      this.#failures = 0;
      wait_ms = this.#wait_ms();
    } catch (error) {
      if (asking.signal.aborted) return;
      wait_ms = Math.min(longest_wait_ms, error_wait_ms * 2 ** this.#failures++);
      wait_ms = Math.max(wait_ms, error.retry_after_ms ?? 0);
      this.#is_wanted = this.#on_error(error, wait_ms);
    }
    this.#asking = null;
    if (this.#is_wanted && !document.hidden) this.#timer = setTimeout(() => this.now(), wait_ms);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
    this.#is_wanted = false;
  }

  #on_visibility() {
    clearTimeout(this.#timer);
    if (!document.hidden && this.#is_wanted && this.#asking === null) this.now();
  }
}
