// What the token may do: the agent decides, and the page offers no more than that.

import { ask } from "./api.js";
import { set_attribute } from "./element.js";
import { text } from "./texts.js";

const roles = ["read", "operate", "admin"];
/** A configuration may give a token another role at any time. */
const fresh_ms = 60_000;

let role = null;
let learnt_at = 0;

export const caller = {
  /** Asks where that was not done lately. Throws ApiError. */
  async learn(signal) {
    if (role !== null && Date.now() - learnt_at < fresh_ms) return;
    const { body } = await ask("cerobot/sync/whoami", { signal });
    if (signal.aborted) return;
    role = body.data.role;
    learnt_at = Date.now();
  },
  forget() {
    role = null;
  },
  may: (needed) => roles.indexOf(role) >= roles.indexOf(needed),
  /** Why not, where something of `needs` is not allowed: pairs of a role and of the text that says what needs it. */
  limits(...needs) {
    const missing = needs.filter(([needed]) => !caller.may(needed)).map(([, key]) => text(key));
    return missing.length === 0 ? "" : [text("role_own", { role }), ...missing].join(" ");
  },
};

/** A button for those who have the role `needed`; the node of the id `reason` says why others cannot press it. */
export function allow(button, needed, reason) {
  button.disabled = !caller.may(needed);
  set_attribute(button, "aria-describedby", button.disabled ? reason : null);
}
