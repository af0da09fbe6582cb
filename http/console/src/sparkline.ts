// A row of small bars as SVG: how much when. Made by createElementNS with attributes only; styles come from the sheet.
const ns = "http://www.w3.org/2000/svg";
export function svg(tag: string, attributes: Record<string, string | number> = {}, ...children: Node[]): SVGElement {
  const node = document.createElementNS(ns, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Parts at the end that hold nothing for any template lie behind the end of the file. */
export function usedParts(all: readonly (readonly number[])[]): number {
  let used = 0;
  for (const one of all) for (let i = one.length; i > used; --i) if ((one[i - 1] ?? 0) > 0) used = i;
  return used;
}

const width = 96, height = 20;
export function sparkline(counts: readonly number[], label: string): SVGElement {
  const most = Math.max(1, ...counts), step = width / Math.max(1, counts.length);
  const bars = counts.flatMap((n, i) => {
    if (n <= 0) return [];
    const tall = Math.max(1.5, (n / most) * height);
    return [svg("rect", { x: (i * step + step * 0.1).toFixed(2), y: (height - tall).toFixed(2), width: (step * 0.8).toFixed(2), height: tall.toFixed(2) })];
  });
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label, preserveAspectRatio: "none" }, svg("line", { x1: 0, x2: width, y1: height, y2: height }), ...bars);
}

/** The same in words, for ears; `name` says where a part is, without it a share of the file does. */
export function sparklineWords(counts: readonly number[], name?: (part: number) => string): string {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0 || counts.length === 0) return "none";
  const most = Math.max(...counts), at = counts.indexOf(most), filled = counts.filter((n) => n > 0).length;
  const where = (i: number): string => `${Math.round((100 * i) / counts.length)} %`, last = counts.length - [...counts].reverse().findIndex((n) => n > 0);
  if (filled === counts.length && most <= (2 * total) / counts.length) return "evenly over the file";
  if (name) return filled === 1 ? `all around ${name(at)}` : `from ${name(counts.findIndex((n) => n > 0))} to ${name(last)}, most around ${name(at)}`;
  if (filled === 1) return `all around ${where(at)} of the file`;
  return `from ${where(counts.findIndex((n) => n > 0))} to ${where(last)} of the file, most around ${where(at)}`;
}
