// What is looked at, kept in the page's own address, so that it survives a reload and can be sent to others.

export const states = ["in_sync", "pending", "retrying", "failed", "diverged", "never_synced", "quarantined", "disabled"];

/** Reads the address; what it cannot mean is left out. */
export function read_view() {
  const given = new URLSearchParams(location.search);
  const page = Number(given.get("page"));
  return {
    states: (given.get("state") ?? "").split(",").filter((state) => states.includes(state)),
    search: (given.get("search") ?? "").slice(0, 200),
    page: Number.isSafeInteger(page) && page > 0 && page <= 1e9 ? page : 1,
    language: given.get("lang"),
  };
}

export function write_view(view) {
  const shown = new URLSearchParams();
  if (view.states.length > 0) shown.set("state", view.states.join(","));
  if (view.search !== "") shown.set("search", view.search);
  if (view.page > 1) shown.set("page", String(view.page));
  if (view.language !== null) shown.set("lang", view.language);
  const query = shown.toString();
  history.replaceState(null, "", (query === "" ? location.pathname : `?${query}`) + location.hash);
}
