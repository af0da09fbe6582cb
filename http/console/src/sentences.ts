// What a screen reader hears of a streamed answer: whole sentences, not tokens; code is counted, not spelled out.

/** Markdown as it is spoken. */
export function spoken(markdown: string): string {
  return markdown
    .replace(/```[^\n]*\n([\s\S]*?)(```|$)/g, (_, code: string) => { const n = code.trim() === "" ? 0 : code.trimEnd().split("\n").length; return n === 0 ? "" : ` ${n === 1 ? "A quoted line." : `${n} quoted lines.`} `; })
    .replace(/^\|[\s:|-]+\|\s*$/gm, "")
    .replace(/^\|(.*)\|\s*$/gm, (_, row: string) => row.split("|").map((c) => c.trim()).filter(Boolean).join(", ") + ".")
    .replace(/^#{1,6}\s+(.*?)\s*$/gm, "$1.")
    .replace(/^\s*([-*+]|\d+\.)\s+/gm, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*_`~]{1,3}/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** Feeds on the growing text of one answer and gives what is complete since the last time. */
export class SentenceReader {
  private done = 0;
  /** `ended`: the rest is a sentence too. */
  take(text: string, ended = false): string[] {
    if (text.length < this.done) this.done = 0; // a new attempt
    const fresh = text.slice(this.done);
    const end = ended ? fresh.length : this.boundary(fresh);
    if (end === 0) return [];
    this.done += end;
    const words = spoken(fresh.slice(0, end));
    return words === "" ? [] : words.match(/[^.!?]+(?:[.!?]+(?=\s|$)|[.!?]+\S*|$)+/g)?.map((s) => s.trim()).filter(Boolean) ?? [words];
  }
  skip(text: string): void { this.done = text.length; }

  /** The end of the last whole sentence or block that is not inside a code fence. */
  private boundary(fresh: string): number {
    const fences = [...fresh.matchAll(/^```/gm)];
    const usable = fences.length % 2 === 1 ? fences[fences.length - 1]!.index : fresh.length;
    let end = 0;
    for (const m of fresh.slice(0, usable).matchAll(/[.!?](?=\s)|\n(?=\n)|```(?=\n)/g)) end = m.index + m[0].length;
    return end;
  }
}
