// What is looked at, kept in the page's own address, so that it survives a reload and can be sent to others.

export const states = ["in_sync", "pending", "retrying", "failed", "diverged", "never_synced", "quarantined", "disabled"];
export const verdicts = ["accepted", "ignored", "duplicate", "refused"];

const search_limit = 200;

function page_of(given) {
  const page = Number(given);
  return Number.isSafeInteger(page) && page > 0 && page <= 1e9 ? page : 1;
}

/** Reads the address; what it cannot mean is left out. */
export function read_view() {
  const given = new URLSearchParams(location.search);
  return {
    states: (given.get("state") ?? "").split(",").filter((state) => states.includes(state)),
    search: (given.get("search") ?? "").slice(0, search_limit),
    page: page_of(given.get("page")),
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

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}

const is_id = (segment) => /^[1-9]\d{0,14}$/.test(segment);

/** The place behind the `#`: `{name, …}`. What is none is the overview, which has no `#` at all. */
export function read_place(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [, name, argument = "", ...others] = path.split("/").map(decoded);
  if (others.length === 0) {
    if (name === "deliveries" && argument === "") {
      const given = new URLSearchParams(query);
      const verdict = given.get("verdict");
      return {
        name: "deliveries",
        repository: (given.get("repo") ?? "").slice(0, search_limit),
        verdict: verdicts.includes(verdict) ? verdict : "",
        search: (given.get("search") ?? "").slice(0, search_limit),
        page: page_of(given.get("page")),
      };
    }
    if (name === "deliveries" && is_id(argument)) return { name: "delivery", id: argument };
    if (name === "runs" && is_id(argument)) return { name: "run", id: argument };
    if (name === "bind") return argument === "" ? { name: "bind" } : { name: "bind_branch", repository: argument };
  }
  return { name: "overview" };
}

export const delivery_address = (id) => `#/deliveries/${id}`;
export const run_address = (id) => `#/runs/${id}`;
export const bind_address = "#/bind";
export const bind_branch_address = (repository) => `#/bind/${encodeURIComponent(repository)}`;

export function deliveries_address({ repository = "", verdict = "", search = "", page = 1 } = {}) {
  const shown = new URLSearchParams();
  if (repository !== "") shown.set("repo", repository);
  if (verdict !== "") shown.set("verdict", verdict);
  if (search !== "") shown.set("search", search);
  if (page > 1) shown.set("page", String(page));
  const query = shown.toString();
  return query === "" ? "#/deliveries" : `#/deliveries?${query}`;
}
