// Plots that the analysis drew: SVG from the server, cleaned as everything else that comes as markup.
import DOMPurify from "dompurify";
import type { Plot } from "./analysis";
import { h } from "./dom";

const tags = ["svg", "g", "title", "desc", "rect", "line", "polyline", "polygon", "path", "circle", "text", "tspan"];
const attributes = ["viewBox", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "d", "points", "fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "opacity", "text-anchor", "font-family", "font-size", "transform", "role", "aria-label", "preserveAspectRatio"];

export function cleanSvg(markup: string): string {
  return DOMPurify.sanitize(markup, { ALLOWED_TAGS: tags, ALLOWED_ATTR: attributes, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: true });
}
export function plotFigures(plots: readonly Plot[]): HTMLElement[] {
  return plots.map((p) => {
    const figure = h("figure", { class: "plot" });
    const picture = h("div", { class: "picture" });
    picture.innerHTML = cleanSvg(p.svg);
    const drawn = picture.querySelector("svg");
    drawn?.setAttribute("role", "img");
    drawn?.setAttribute("aria-label", `Plot of ${p.name}`);
    figure.append(drawn ? picture : h("pre", { "aria-hidden": "true" }, p.sparkline), h("figcaption", {}, p.name));
    return figure;
  });
}
