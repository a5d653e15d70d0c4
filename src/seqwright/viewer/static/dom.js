/** Elements by name, with attributes, listeners and children. Text is never parsed as markup. */

export function make(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null));
  return made;
}

export const button = (content, given) => make("button", { type: "button", ...given }, content);

/** Replace the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child != null));
}

/** The same, but only where the key has changed: making many elements takes long. */
export function refill(element, key, children) {
  if (element.filledFor === key) return;
  element.filledFor = key;
  fill(element, children());
}

export const clamp = (value, least, most) => Math.max(least, Math.min(most, value));
