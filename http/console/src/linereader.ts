// Lines of a large file, read in ranges of bytes: never the whole of it, in memory or on the page. What has been passed
// is remembered as pairs (line, byte), so that going back, or to a place whose byte is known, reads little.
export interface Line { number: number; begin: number; end: number; text: string; cut: boolean }
export type Fetch = (from: number, to: number) => Promise<Uint8Array>;

export const chunkBytes = 131_072;
const chunksKept = 12;
export const lineBytesShown = 4_096;
const lf = 10, cr = 13;

export class LineReader {
  /** Sorted by line; the first is the beginning of the file. */
  private readonly marks: { line: number; at: number }[] = [{ line: 1, at: 0 }];
  private readonly chunks = new Map<number, Promise<Uint8Array>>();
  private readonly decoder = new TextDecoder();
  /** Known once the end was seen. */
  total: number | null = null;

  /** `loneCr`: a carriage return alone ends a line too, as the extractors (but not the log analysis) count. */
  constructor(readonly size: number, private readonly fetch: Fetch, private readonly loneCr = false) {
    if (size === 0) this.total = 0;
  }

  /** Byte `at` begins line `line`: an analysis said so. */
  know(line: number, at: number): void {
    if (line < 1 || at < 0 || at >= this.size) return;
    let i = this.marks.length;
    while (i > 0 && this.marks[i - 1]!.line >= line) --i;
    if (this.marks[i]?.line === line || this.marks[i - 1]!.at >= at || (this.marks[i] && this.marks[i]!.at <= at)) return;
    this.marks.splice(i, 0, { line, at });
  }

  private chunk(index: number): Promise<Uint8Array> {
    let known = this.chunks.get(index);
    if (known) this.chunks.delete(index);
    else {
      known = this.fetch(index * chunkBytes, Math.min(this.size, (index + 1) * chunkBytes) - 1);
      known.catch(() => this.chunks.delete(index)); // asked again next time
    }
    this.chunks.set(index, known);
    if (this.chunks.size > chunksKept) this.chunks.delete(this.chunks.keys().next().value!);
    return known;
  }

  /** At most `count` lines from line `first` on; fewer at the end of the file. `passed` hears how far the search is. */
  async lines(first: number, count: number, passed?: (line: number) => void): Promise<Line[]> {
    const out: Line[] = [];
    if (this.size === 0 || count < 1) return out;
    let mark = this.marks[0]!;
    for (const m of this.marks) if (m.line <= first) mark = m; else break;
    let line = mark.line, begin = mark.at, at = mark.at, kept: number[] = [], sawCr = false;
    const end = (stop: number, next: number): boolean => {
      if (line >= first) out.push({ number: line, begin, end: stop, text: this.decoder.decode(new Uint8Array(kept)), cut: stop - begin > kept.length });
      kept = [];
      ++line;
      begin = next;
      return out.length >= count;
    };
    while (at < this.size) {
      const index = Math.floor(at / chunkBytes), data = await this.chunk(index), start = index * chunkBytes;
      if (data.length === 0) break;
      let marked = false;
      passed?.(line);
      for (let i = at - start; i < data.length; ++i) {
        const b = data[i]!;
        const here = start + i;
        if (sawCr) {
          sawCr = false;
          // A CR ended the line; with an LF behind it the two are one end.
          if (b === lf) {
            if (end(here - 1, here + 1)) return out;
            continue;
          }
          if (this.loneCr) { if (end(here - 1, here)) return out; } else if (line >= first && kept.length < lineBytesShown) kept.push(cr);
        }
        if (!marked && here === begin) { this.know(line, here); marked = true; }
        if (b === lf) { if (end(here, here + 1)) return out; }
        else if (b === cr) sawCr = true;
        else if (line >= first && kept.length < lineBytesShown) kept.push(b);
      }
      at = start + data.length;
    }
    if (begin < this.size) end(sawCr ? this.size - 1 : this.size, this.size);
    this.total = line - 1;
    return out;
  }

  /** The number of the last line; reads what has not been passed yet. */
  async count(passed?: (line: number) => void): Promise<number> {
    if (this.total === null) await this.lines(Number.MAX_SAFE_INTEGER, 1, passed);
    return this.total ?? 0;
  }
}

/** The first bytes look like text and not like a picture or a program. */
export function looksLikeText(head: Uint8Array): boolean {
  const part = head.subarray(0, 4_096);
  let odd = 0;
  for (const b of part) {
    if (b === 0) return false;
    if (b < 9 || (b > 13 && b < 27) || (b > 27 && b < 32)) ++odd;
  }
  if (odd * 20 > part.length) return false;
  // Broken UTF-8 here and there is still text; nothing but it is not.
  const wrong = [...new TextDecoder().decode(part)].filter((c) => c === "\uFFFD").length;
  return wrong * 10 <= part.length;
}
