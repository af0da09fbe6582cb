// What fills the main part of the window: one place at a time.
import { h, type Child } from "./dom";
import { pathOf, type Place } from "./router";

export interface Page {
  readonly node: HTMLElement;
  /** Of the window, before the name of the product. */
  title(): string;
  /** Puts the focus where work starts. */
  focus?(): void;
  /** A key outside of fields; true when it was meant for this page. */
  key?(e: KeyboardEvent): boolean;
  dispose(): void;
}
export type Go = (place: Place, replace?: boolean) => void;

/** A link inside the page: an address of its own, so it opens in a new tab too. */
export function link(go: Go, place: Place, props: Record<string, unknown>, ...children: Child[]): HTMLAnchorElement {
  return h("a", { href: pathOf(place), onclick: (e: MouseEvent) => { if (e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return; e.preventDefault(); go(place); }, ...props }, ...children);
}
