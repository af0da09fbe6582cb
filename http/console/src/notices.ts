// Short messages at the edge of the page, with an action when there is one ("Undo"), and what is only spoken.
import { byId, h } from "./dom";

export interface Action { text: string; run(): void }
let timer = 0;

/** Something went wrong: stays until it is dismissed or the next thing happens. */
export function fail(text: string, action?: Action): void { show(text, "error", action, 0); }
/** Something happened: goes by itself, later when there is something to press. */
export function tell(text: string, action?: Action): void { show(text, "info", action, action ? 20_000 : 6_000); }
export function clear(): void { byId("notice")?.replaceChildren(); }

function show(text: string, kind: "error" | "info", action: Action | undefined, lasts: number): void {
  const place = byId("notice");
  if (!place) return;
  window.clearTimeout(timer);
  const close = h("button", { type: "button", class: "ghost", "aria-label": "Dismiss this message", onclick: clear }, "✕");
  const box = h("div", { class: "toast " + kind, role: kind === "error" ? "alert" : "status" }, h("span", {}, text),
    action ? h("button", { type: "button", onclick: () => { clear(); action.run(); } }, action.text) : null, close);
  place.replaceChildren(box);
  const go = () => { if (lasts > 0) timer = window.setTimeout(clear, lasts); };
  // Whoever is about to press it is not robbed of it.
  for (const stop of ["pointerenter", "focusin"]) box.addEventListener(stop, () => window.clearTimeout(timer));
  for (const start of ["pointerleave", "focusout"]) box.addEventListener(start, () => { window.clearTimeout(timer); go(); });
  go();
}

const spokenMax = 40;
/** For ears only, politely: one paragraph for each sentence; old ones are taken away. */
export function speak(sentences: readonly string[]): void {
  const box = byId("spoken");
  if (!box) return;
  for (const s of sentences) box.append(h("p", {}, s));
  while (box.childElementCount > spokenMax) box.firstElementChild!.remove();
}
