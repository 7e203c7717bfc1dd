// Making and changing elements. Whatever comes from the API is put in as text: names and reasons may be anything.

/** element("p", {class: "x"}, "text", node) */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Touches the document only where something changes, so that nothing is read out or painted again. */
export function set_text(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function set_attribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** A line that is not there while it has nothing to say. */
export function set_line(node, text) {
  set_text(node, text);
  node.hidden = text === "";
}

/** Puts `nodes` in the place of the children; where a link among those had the focus, the one to the same place gets it. */
export function replace_children(parent, nodes) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  parent.replaceChildren(...nodes);
  if (focused !== null) [...parent.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

/** Brings `nodes` into this order behind `before`; those that stand right are not moved and keep the focus. */
export function place_after(before, nodes) {
  let last = before;
  for (const node of nodes) {
    if (last.nextElementSibling !== node) last.after(node);
    last = node;
  }
}
