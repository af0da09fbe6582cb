// Lines and errors of a log over time: two rows of bars on one axis, so that one error among a thousand lines is seen.
// Every part has its numbers in a tooltip, and all of them stand in a table for whoever sees no bars.
import type { OverTime } from "./analysis";
import { h } from "./dom";
import { svg } from "./sparkline";
import { partName, span, ticks, zoneWord, type Known } from "./timeaxis";

const width = 960, height = 56;

function bars(counts: readonly number[], kind: string, name: (i: number) => string, label: string): SVGElement {
  const most = Math.max(1, ...counts), step = width / counts.length;
  return svg("svg", { class: "bars of-" + kind, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("line", { x1: 0, x2: width, y1: height, y2: height }),
    ...counts.flatMap((n, i) => {
      const tall = n > 0 ? Math.max(3, (n / most) * height) : 0, title = svg("title");
      title.textContent = `${name(i)}: ${n.toLocaleString("en")}`;
      // What is hovered over is the whole column, also where there is nothing.
      return [svg("rect", { class: "bar", x: (i * step + step * 0.08).toFixed(2), width: (step * 0.84).toFixed(2), y: (height - tall).toFixed(2), height: tall.toFixed(2) }), svg("rect", { class: "column", x: (i * step).toFixed(2), width: step.toFixed(2), y: 0, height }, title)];
    }));
}

/** What the bars say, for ears: how much there is, and where the most is. */
export function inWords(what: string, counts: readonly number[], name: (i: number) => string): string {
  const total = counts.reduce((a, b) => a + b, 0), most = Math.max(...counts);
  if (total === 0) return `No ${what}.`;
  const first = counts.findIndex((n) => n > 0);
  return `${total.toLocaleString("en")} ${what}, the first in ${name(first)}, most in ${name(counts.indexOf(most))}: ${most.toLocaleString("en")}.`;
}

export function timePlot(t: OverTime, known: Known): HTMLElement {
  const name = (i: number): string => partName(t, i, known), errors = t.errors.some((n) => n > 0);
  const part = t.timed ? span(t.width) : `${t.width.toLocaleString("en")} lines`;
  const row = (what: string, counts: readonly number[]) => [
    h("div", { class: "rowname" }, h("strong", {}, what), h("span", { class: "quiet" }, ` at most ${Math.max(...counts).toLocaleString("en")} in ${part}`)),
    bars(counts, what.toLowerCase(), name, inWords(what.toLowerCase(), counts, name))];
  const axis = h("div", { class: "axis", "aria-hidden": "true" });
  for (const tick of ticks(t, known)) {
    const mark = h("span", {}, tick.text);
    mark.style.left = `${(tick.at * 100).toFixed(2)}%`;
    if (tick.at > 0.9) mark.classList.add("late");
    axis.append(mark);
  }
  const table = h("details", { class: "numbers" }, h("summary", {}, "The same as numbers"));
  // Built when it is asked for: nobody needs fifty rows twice.
  table.addEventListener("toggle", () => {
    if (!table.open || table.querySelector("table")) return;
    table.append(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Lines and errors over time" }, h("table", {}, h("thead", {}, h("tr", {}, ...[t.timed ? `Time (${zoneWord(known)})` : "Where", "Lines", "Errors"].map((c) => h("th", { scope: "col" }, c)))),
      h("tbody", {}, ...t.lines.map((n, i) => h("tr", {}, h("td", {}, name(i)), h("td", { class: "number" }, n.toLocaleString("en")), h("td", { class: "number" }, (t.errors[i] ?? 0).toLocaleString("en"))))))));
  });
  const whole = t.timed ? `${partName({ ...t, width: t.width * t.lines.length, lines: [1] }, 0, known)}, ${zoneWord(known)}` : "By lines: this log says no times.";
  return h("figure", { class: "timeplot" }, ...row("Lines", t.lines), ...(errors ? row("Errors", t.errors) : [h("p", { class: "quiet" }, "No errors were recognised.")]), axis, h("figcaption", { class: "quiet" }, whole), table);
}
