// The keys of the page: one table, shown by the help and obeyed by the dispatcher, so they cannot differ.
export type Action = "help" | "new" | "search" | "down" | "up" | "caseAbove" | "caseBelow" | "write" | "escape" | "bottom" | "menu";
interface Key { shown: string; what: string; action?: Action; single?: boolean; match?: (e: KeyboardEvent) => boolean }

const plain = (e: KeyboardEvent) => !e.ctrlKey && !e.metaKey && !e.altKey;
export const keys: Key[] = [
  { shown: "?", what: "This list", action: "help", single: true, match: (e) => plain(e) && e.key === "?" },
  { shown: "n", what: "New case", action: "new", single: true, match: (e) => plain(e) && e.key === "n" },
  { shown: "/", what: "Search the cases", action: "search", single: true, match: (e) => plain(e) && e.key === "/" },
  { shown: "j / k", what: "Down and up in the list of cases", action: "down", single: true, match: (e) => plain(e) && e.key === "j" },
  { shown: "↓ / ↑", what: "The same, while the list has the focus; Enter opens" },
  { shown: "w", what: "Write a message", action: "write", single: true, match: (e) => plain(e) && e.key === "w" },
  { shown: "g", what: "To the newest text", action: "bottom", single: true, match: (e) => plain(e) && e.key === "g" },
  { shown: "f", what: "In a case: search in its files and messages" },
  { shown: "n / p", what: "In a file or in what was found: the next and the previous cited line, finding, template or hit" },
  { shown: "1 / 2 / 3", what: "In a file: what matters, templates, text" },
  { shown: "Enter or Ctrl + Enter", what: "Send the message" },
  { shown: "Shift + Enter", what: "A new line" },
  { shown: "Ctrl + K", what: "Search the cases, from anywhere", action: "search", match: (e) => (e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "k" },
  { shown: "Alt + N", what: "New case, from anywhere", action: "new", match: (e) => e.altKey && !e.ctrlKey && e.code === "KeyN" },
  { shown: "Alt + ↑ / ↓", what: "Open the case above or below, from anywhere", action: "caseAbove", match: (e) => e.altKey && e.key === "ArrowUp" },
  { shown: "Esc", what: "Close what is open; in the message field, stop the answer, or leave the field", action: "escape", match: (e) => e.key === "Escape" },
];
const more: { action: Action; single: boolean; match: (e: KeyboardEvent) => boolean }[] = [
  { action: "up", single: true, match: (e) => plain(e) && e.key === "k" },
  { action: "caseBelow", single: false, match: (e) => e.altKey && e.key === "ArrowDown" },
];

const offKey = "faultmaven.singleKeys";
/** Single letters can be switched off: they get in the way of speech input. */
export const singleKeys = (): boolean => localStorage.getItem(offKey) !== "off";
export function setSingleKeys(on: boolean): void {
  if (on) localStorage.removeItem(offKey);
  else localStorage.setItem(offKey, "off");
}

/** Whether a key press is meant for a field and not for the page. */
export function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

export function actionOf(e: KeyboardEvent): Action | null {
  if (e.isComposing) return null;
  for (const key of [...keys, ...more]) {
    if (!key.action || !key.match?.(e)) continue;
    if (key.single && (!singleKeys() || inField(e.target))) continue;
    return key.action;
  }
  return null;
}
