import { describe, expect, it } from "vitest";
import { strip, stripPicture } from "../src/timestrip";

describe("the strip of time", () => {
  const m = (at: string, level = "info") => ({ at, level, count: 1 });
  it("needs a span", () => {
    expect(strip([])).toBeNull();
    expect(strip([m("2026-01-01T00:00:00Z"), m("2026-01-01T00:00:00Z"), m("never")])).toBeNull();
  });
  it("counts by parts, trouble apart, and says so in words", () => {
    const s = strip([m("2026-01-01T00:00:00Z"), m("2026-01-01T01:00:00Z", "error"), m("2026-01-01T00:30:00Z")])!;
    expect([s.all[0], s.all[30], s.all[59], s.trouble[59]]).toEqual([1, 1, 1, 1]);
    const picture = stripPicture(s);
    expect(picture.getAttribute("aria-label")).toMatch(/^From 2026-01-01 00:00:00 to 2026-01-01 01:00:00 UTC; most errors around 2026-01-01 00:59/);
    expect(picture.querySelectorAll("rect.trouble").length).toBe(1);
  });
});
