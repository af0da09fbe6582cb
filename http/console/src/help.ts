// The keys of the page, shown on "?" and by the button.
export const keys: [string, string][] = [
  ["Enter", "Send the message"],
  ["Shift + Enter", "A new line"],
  ["Ctrl + K", "Search the cases"],
  ["Alt + N", "A new case"],
  ["Alt + ↑ / Alt + ↓", "The case above or below"],
  ["Esc", "Stop the answer, or close what is open"],
  ["?", "This list"],
];

export function showHelp(): void {
  document.getElementById("help")?.remove();
  const dialog = document.createElement("dialog");
  dialog.id = "help";
  dialog.setAttribute("aria-label", "Keys");
  const list = document.createElement("dl");
  for (const [key, what] of keys) {
    const term = document.createElement("dt"), text = document.createElement("dd"), kbd = document.createElement("kbd");
    kbd.textContent = key;
    term.append(kbd);
    text.textContent = what;
    list.append(term, text);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  const close = document.createElement("button");
  close.textContent = "Close";
  form.append(close);
  const title = document.createElement("h2");
  title.textContent = "Keys";
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** Whether a key press is meant for a field and not for the page. */
export function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}
