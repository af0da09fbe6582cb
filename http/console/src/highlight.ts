// Which part of a found text is shown, and which words of it are lit.
export interface Segment { text: string; lit: boolean }
/** A whole text in parts, lit or not. Places are bytes of UTF-8, as the server counts; impossible ones are left out. */
export function lit(content: string, highlights: readonly [number, number][]): Segment[] {
  const all = new TextEncoder().encode(content), decode = new TextDecoder(), out: Segment[] = [];
  const put = (b: number, e: number, on: boolean) => { if (e > b) out.push({ text: decode.decode(all.subarray(b, e)), lit: on }); };
  let at = 0;
  for (const [b, e] of [...highlights].sort((x, y) => x[0] - y[0])) {
    if (b < at || e <= b || e > all.length) continue;
    put(at, b, false);
    put(b, e, true);
    at = e;
  }
  put(at, all.length, false);
  return out;
}

/** The part of a passage with the most found words, those lit. Places are bytes of UTF-8, as the server counts. */
export function snippet(content: string, highlights: readonly [number, number][], most = 320, markdown = true): Segment[] {
  const all = new TextEncoder().encode(content), decode = new TextDecoder();
  const lit = highlights.filter(([b, e]) => b >= 0 && e > b && e <= all.length).sort((x, y) => x[0] - y[0]);
  let best = 0, found = -1;
  for (const [b] of lit) {
    const n = lit.filter(([x, e]) => x >= b && e <= b + most - 40).length;
    if (n > found) { found = n; best = b; }
  }
  // What fits is shown whole.
  let from = all.length <= most ? 0 : Math.max(0, best - 40), to = Math.min(all.length, from + most);
  const inside = (i: number): boolean => i > 0 && i < all.length && (all[i]! & 0xc0) === 0x80;
  // From the beginning of a word to the end of one, never inside a character.
  if (from > 0) { while (from < best && all[from] !== 32 && all[from] !== 10) ++from; }
  if (to < all.length) { const end = to; while (to > from && all[to] !== 32 && all[to] !== 10) --to; if (to - from < most / 2) to = end; }
  while (inside(from)) ++from;
  while (inside(to)) --to;
  const out: Segment[] = [];
  const put = (b: number, e: number, on: boolean) => { if (e > b) out.push({ text: markdown ? plain(decode.decode(all.subarray(b, e)), b === 0) : decode.decode(all.subarray(b, e)), lit: on }); };
  if (from > 0) out.push({ text: "… ", lit: false });
  let at = from;
  for (const [b, e] of lit) {
    if (b < at || e > to) continue;
    put(at, b, false);
    put(b, e, true);
    at = e;
  }
  put(at, to, false);
  if (to < all.length) out.push({ text: " …", lit: false });
  return out;
}

/** Markdown in one line: a new line becomes a dot, signs of headings, lists and code go. */
const plain = (text: string, start: boolean): string => (start ? text.replace(/^#{1,6}\s+/, "") : text).replace(/\s*\n\s*(?:(?:#{1,6}|[-*]|\d+\.)\s+)?/g, " · ").replace(/[`*]/g, "");
