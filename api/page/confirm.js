// Asks before something is done that cannot be undone by a click.

import { ApiError, send } from "./api.js";
import { element, set_text } from "./element.js";
import { text } from "./texts.js";

/**
 * Shows what would happen, and does it where that is confirmed: `act()` sends it and gives the envelope. True where it was
 * done; what the agent says against it is shown in the dialog. The focus goes back to where it was.
 */
export function ask_first({ title, said, confirm, act }) {
  const answer = element("p", { class: "wrong", role: "alert" });
  const yes = element("button", { type: "button", class: "danger" }, confirm);
  const no = element("button", { type: "button" }, text("cancel"));
  const heading = element("h2", { id: "confirm-title" }, title);
  const dialog = element("dialog", { "aria-labelledby": "confirm-title" }, heading,
    ...said.map((each) => element("p", {}, each)), answer, element("div", { class: "line" }, no, yes));
  document.body.append(dialog);
  return new Promise((resolve) => {
    let is_done = false;
    no.addEventListener("click", () => dialog.close());
    yes.addEventListener("click", async () => {
      yes.disabled = true;
      set_text(answer, "");
      try {
        const body = await act();
        is_done = body.code_status === 0;
        if (is_done) return dialog.close();
        set_text(answer, `${body.code_status} ${body.detail ?? body.msg}`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        set_text(answer, error.message);
      }
      yes.disabled = false;
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(is_done);
    });
    dialog.showModal();
    no.focus();
  });
}

/** True where the repository was unbound. */
export function unbind_repository(name) {
  return ask_first({
    title: text("unbind_title", { name }),
    said: [text("unbind_what"), text("unbind_stays"), text("unbind_file")],
    confirm: text("unbind"),
    act: () => send("DELETE", `cerobot/sync/repo/${encodeURIComponent(name)}`),
  });
}
