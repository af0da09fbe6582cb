// A pasted log as it stands in the field: its size, its beginning, and what can be done with it.
import { h } from "./dom";
import { measure, preview } from "./text";

export function pastedPiece(text: string, number: number, actions: { edit(): void; remove(): void }): HTMLLIElement {
  const p = preview(text, 3);
  return h("li", { class: "piece" },
    h("div", { class: "piecebar" }, h("strong", {}, `Pasted text ${number}`), h("span", { class: "quiet" }, measure(text)), h("span", { class: "spacer" }),
      h("button", { type: "button", "aria-label": `Edit pasted text ${number} in the field`, onclick: actions.edit }, "Edit"),
      h("button", { type: "button", "aria-label": `Remove pasted text ${number}`, onclick: actions.remove }, "Remove")),
    h("pre", {}, p.head + (p.rest > 0 ? `\n… ${p.rest.toLocaleString("en")} more lines` : "")),
    p.trouble ? h("pre", { class: "trouble" }, h("span", { class: "line error" }, `line ${p.trouble.number.toLocaleString("en")}: ${p.trouble.text}`)) : null);
}
