// Building the page: one function that makes an element, and a few that change what is there without redrawing.
export type Child = Node | string | null | undefined | false;
export type Props = Record<string, unknown>;

/** `on…` members are listeners, `true` is an empty attribute, `false`/null/undefined are left out. Text is text. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on") && typeof value === "function") node.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

export const byId = <T extends HTMLElement>(id: string): T | null => document.getElementById(id) as T | null;

/** Puts `wanted` into `parent` in this order and touches only what differs, so focus and selection survive. */
export function arrange(parent: Element, wanted: readonly Node[]): void {
  const keep = new Set<Node>(wanted);
  for (const child of [...parent.childNodes]) if (!keep.has(child)) child.remove();
  wanted.forEach((node, i) => {
    if (parent.childNodes[i] !== node) parent.insertBefore(node, parent.childNodes[i] ?? null);
  });
}

export function setText(node: Element | null, text: string): void {
  if (node && node.textContent !== text) node.textContent = text;
}

/** A modal dialog that is removed when it closes; the promise holds the pressed button's value ("" = Esc). */
export function ask(label: string, body: Child[], buttons: [value: string, text: string, kind?: string][]): { dialog: HTMLDialogElement; done: Promise<string> } {
  const back = document.activeElement;
  const form = h("form", { method: "dialog" }, h("h2", {}, label), ...body,
    h("div", { class: "actions" }, ...buttons.map(([value, text, kind]) => h("button", { value, class: kind, formnovalidate: value === "" }, text))));
  const dialog = h("dialog", { "aria-label": label }, form);
  const done = new Promise<string>((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (back instanceof HTMLElement && back.isConnected) back.focus();
      resolve(dialog.returnValue);
    });
  });
  // `method=dialog` submits nothing, so it is no form-action for the Content-Security-Policy.
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, done };
}
