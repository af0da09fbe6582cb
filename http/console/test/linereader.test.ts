// Lines out of ranges of bytes: the same whatever the chunks, and never more than a window of them.
import { describe, expect, it } from "vitest";
import { chunkBytes, lineBytesShown, LineReader, looksLikeText, type Line } from "../src/linereader";

function over(text: string | Uint8Array, loneCr = false) {
  const all = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const asked: [number, number][] = [];
  const reader = new LineReader(all.length, async (from, to) => { asked.push([from, to]); return all.slice(from, to + 1); }, loneCr);
  return { reader, asked, all };
}
const texts = (lines: Line[]) => lines.map((l) => l.text);

describe("a reader of lines", () => {
  it("numbers them from 1, with and without an end of line at the end", async () => {
    for (const end of ["", "\n"]) {
      const { reader } = over("a\nb\n\nc" + end);
      const lines = await reader.lines(1, 100);
      expect(lines.map((l) => [l.number, l.text])).toEqual([[1, "a"], [2, "b"], [3, ""], [4, "c"]]);
      expect(reader.total).toBe(4);
    }
  });
  it("takes CR LF as one end; a lone CR only where it is told to", async () => {
    expect(texts(await over("a\r\nb\r\nc").reader.lines(1, 9))).toEqual(["a", "b", "c"]);
    expect(texts(await over("a\rb\r\nc\r", true).reader.lines(1, 9))).toEqual(["a", "b", "c"]);
    expect(texts(await over("a\rb\r\nc").reader.lines(1, 9))).toEqual(["a\rb", "c"]);
  });
  it("gives bytes that lead back to each line", async () => {
    const { reader, all } = over("αβ\r\nγ\nδ");
    for (const l of await reader.lines(1, 9)) expect(new TextDecoder().decode(all.slice(l.begin, l.end))).toBe(l.text);
  });
  it("reads over the edges of chunks, CR LF on an edge too", async () => {
    const { reader } = over("x".repeat(chunkBytes - 1) + "\r\n" + "y".repeat(chunkBytes) + "\nz");
    const lines = await reader.lines(1, 9);
    expect(lines.map((l) => [l.number, l.text[0], l.cut])).toEqual([[1, "x", true], [2, "y", true], [3, "z", false]]);
    expect(lines[0]!.text.length).toBe(lineBytesShown);
    expect(lines[0]!.end - lines[0]!.begin).toBe(chunkBytes - 1);
  });
  it("goes back without reading from the beginning, and straight to a byte it was told", async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `line ${i + 1} of many`).join("\n");
    const far = over(many), at = many.indexOf("line 50000 of");
    far.reader.know(50_000, at);
    expect(texts(await far.reader.lines(50_000, 2))).toEqual(["line 50000 of many", "line 50001 of many"]);
    expect(far.asked.length).toBe(1);
    const back = over(many);
    await back.reader.lines(55_000, 1);
    const before = back.asked.length;
    expect(texts(await back.reader.lines(54_000, 1))).toEqual(["line 54000 of many"]);
    expect(back.asked.length - before).toBeLessThanOrEqual(1);
  });
  it("does not believe places that cannot be", async () => {
    const { reader } = over("a\nb\nc");
    await reader.lines(1, 9);
    reader.know(2, 0);
    reader.know(3, 1_000);
    reader.know(1, 4);
    expect(texts(await reader.lines(2, 2))).toEqual(["b", "c"]);
  });
  it("says how many there are, and gives none behind the end", async () => {
    const { reader } = over("a\nb\n");
    expect(await reader.lines(5, 3)).toEqual([]);
    expect(await reader.count()).toBe(2);
    expect(await over("").reader.count()).toBe(0);
  });
  it("asks again after a failure", async () => {
    let fails = true;
    const reader = new LineReader(3, async () => { if (fails) throw new Error("cut"); return new TextEncoder().encode("a\nb"); });
    await expect(reader.lines(1, 2)).rejects.toThrow("cut");
    fails = false;
    expect(texts(await reader.lines(1, 2))).toEqual(["a", "b"]);
  });
  it("tells the same lines as a plain split, for texts of any kind", async () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % n;
    for (let round = 0; round < 200; ++round) {
      const text = Array.from({ length: random(60) }, () => ["a", "\n", "\r\n", "é", "€x"][random(5)]).join("");
      const wanted = text.split(/\r?\n/);
      if (wanted[wanted.length - 1] === "") wanted.pop();
      const { reader } = over(text);
      expect(texts(await reader.lines(1, 1_000))).toEqual(wanted);
      const from = 1 + random(10);
      expect(texts(await reader.lines(from, 5))).toEqual(wanted.slice(from - 1, from + 4));
    }
  });
  it("knows text from what is none", () => {
    expect(looksLikeText(new TextEncoder().encode("plain, é and \t tab\n"))).toBe(true);
    expect(looksLikeText(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0]))).toBe(false);
    expect(looksLikeText(Uint8Array.from({ length: 600 }, (_, i) => 128 + (i % 100)))).toBe(false);
  });
});
