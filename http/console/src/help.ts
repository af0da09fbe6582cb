// The list of keys, shown on "?" and by the button in the head of the page.
import { ask, h } from "./dom";
import { keys, setSingleKeys, singleKeys } from "./keys";

export function showHelp(): void {
  if (document.getElementById("help")) return;
  const list = h("dl");
  for (const key of keys) list.append(h("dt", {}, ...key.shown.split(/( \/ | or | \+ )/).map((part, i) => (i % 2 ? part : h("kbd", {}, part)))), h("dd", {}, key.what));
  const box = h("input", { type: "checkbox", onchange: () => setSingleKeys(box.checked) });
  box.checked = singleKeys();
  const { dialog } = ask("Keys", [list, h("label", { class: "check" }, box, "Single-letter keys (switch off for speech input)")], [["close", "Close", "primary"]]);
  dialog.id = "help";
  dialog.querySelector<HTMLElement>("button")?.focus();
}
