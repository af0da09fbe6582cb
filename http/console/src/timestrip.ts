// When it happened, at a glance: a row of bars over the span of a timeline, trouble in its own colour.
import { svg } from "./sparkline";

export interface Moment { at: string; level: string; count: number }
const width = 600, height = 48, parts = 60;
export const isTrouble = (level: string): boolean => level === "error" || level === "fatal";

export interface Strip { from: number; to: number; all: number[]; trouble: number[] }
/** Counts in equal parts of the span; nothing for fewer than two moments in time. */
export function strip(moments: readonly Moment[]): Strip | null {
  const times = moments.map((m) => Date.parse(m.at));
  const known = times.filter((t) => !Number.isNaN(t));
  if (known.length < 2) return null;
  const from = Math.min(...known), to = Math.max(...known);
  if (to <= from) return null;
  const out: Strip = { from, to, all: new Array<number>(parts).fill(0), trouble: new Array<number>(parts).fill(0) };
  moments.forEach((m, i) => {
    const t = times[i]!;
    if (Number.isNaN(t)) return;
    const at = Math.min(parts - 1, Math.floor(((t - from) / (to - from)) * parts));
    out.all[at]! += 1;
    if (isTrouble(m.level)) out.trouble[at]! += 1;
  });
  return out;
}

export function stripPicture(s: Strip): SVGElement {
  // Errors among a thousand lines must still be seen: the height goes by the root.
  const most = Math.sqrt(Math.max(1, ...s.all)), step = width / parts;
  const bar = (n: number, i: number, kind: string): Node[] => {
    if (n <= 0) return [];
    const tall = Math.max(3, (Math.sqrt(n) / most) * height);
    return [svg("rect", { class: kind, x: (i * step + 1).toFixed(1), width: (step - 2).toFixed(1), y: (height - tall).toFixed(1), height: tall.toFixed(1) })];
  };
  const clock = (t: number) => new Date(t).toISOString().replace("T", " ").slice(0, 19);
  const worst = s.trouble.indexOf(Math.max(...s.trouble));
  const words = `From ${clock(s.from)} to ${clock(s.to)} UTC` + (s.trouble.some((n) => n > 0) ? `; most errors around ${clock(s.from + ((worst + 0.5) / parts) * (s.to - s.from))}` : "; no errors");
  return svg("svg", { class: "strip", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words }, svg("line", { x1: 0, x2: width, y1: height, y2: height }), ...s.all.flatMap((n, i) => bar(n, i, "all")), ...s.trouble.flatMap((n, i) => bar(n, i, "trouble")));
}
