import { beforeEach, describe, expect, it, vi } from "vitest";
import { clockOf, dayOf, entryOf, passes, TimelinePanel, timelineExists, uncertainty } from "../src/timelinepanel";
import { frame, press, server, settle } from "./server";

const entry = (at: string, more: object = {}) => ({ at, uncertainty_ms: 0, source: "file", file_id: "f1", file_name: "a.log", line_first: 3, line_last: 3, level: "error", text: "it broke", kind: "first_error", ...more });
beforeEach(() => { localStorage.clear(); document.body.replaceChildren(); });

describe("times", () => {
  it("say how unsure they are", () => expect([0, 500, 2_000, 90_000, 7_200_000, 43_200_000, 259_200_000].map(uncertainty)).toEqual(["", "± 500 ms", "± 2 s", "± 2 min", "± 2 h", "± 12 h", "± 3 days"]));
  it("are in UTC, without an hour that nobody knows", () => {
    expect(dayOf("2026-01-31T23:59:59Z")).toBe("Saturday, 31 January 2026");
    expect(clockOf(entryOf(entry("2026-01-31T12:14:00.000Z")))).toBe("12:14:00");
    expect(clockOf(entryOf(entry("2026-01-31T12:14:00.250Z")))).toBe("12:14:00.250");
    expect(clockOf(entryOf(entry("2026-01-31T00:00:00Z", { uncertainty_ms: 43_200_000 })))).toBe("that day");
  });
  it("pass a filter by source and by level or worse", () => {
    const e = entryOf(entry("2026-01-31T12:00:00Z", { level: "fatal" }));
    expect([passes(e, "", ""), passes(e, "message", ""), passes(e, "file", "error"), passes({ ...e, level: "info" }, "", "warning")]).toEqual([true, false, true, false]);
  });
});

describe("the timeline", () => {
  it("is hidden where the server has none", async () => {
    for (const status of [501, 404]) {
      server({ "GET /cases/c/timeline": { status, body: { detail: "no" } } });
      expect(await timelineExists("c")).toBe(false);
    }
    server({ "GET /cases/c/timeline": { body: { entries: [] } } });
    expect(await timelineExists("c")).toBe(true);
  });
  it("goes by days, links to lines, and continues where a page ended", async () => {
    const asked = server({ "GET /cases/c/timeline": ({ path }) => ({ body: path.includes("cursor=x") ? { entries: [entry("2026-02-01T00:00:01Z", { source: "message", file_id: "", file_name: "", line_first: 0 })], next_cursor: null } : { entries: [entry("2026-01-31T12:00:00Z", { line_last: 5, count: 4 })], next_cursor: "x" } }) });
    const go = vi.fn(), panel = new TimelinePanel("c", go);
    frame(panel.node);
    await panel.load();
    const link = document.querySelector<HTMLAnchorElement>(".timeline a")!;
    expect([link.textContent, link.getAttribute("href")]).toEqual(["a.log:3-5", "/cases/c/files/f1/text?lines=3-5"]);
    expect(document.querySelector(".timeline li")!.textContent).toContain("× 4");
    press("Load more");
    await settle();
    expect([...document.querySelectorAll(".timeline h3")].map((n) => n.textContent)).toEqual(["Saturday, 31 January 2026", "Sunday, 1 February 2026"]);
    expect(asked.length).toBe(2);
  });
  it("asks for a span in UTC", async () => {
    const asked = server({ "GET /cases/c/timeline": { body: { entries: [], next_cursor: null } } });
    const panel = new TimelinePanel("c", vi.fn());
    frame(panel.node);
    document.querySelector<HTMLInputElement>("#timeline-from")!.value = "2026-01-31T12:00";
    await panel.load();
    expect(asked[0]!.path).toContain("from=2026-01-31T12%3A00%3A00Z");
    expect(document.querySelector("[role=status]")!.textContent).toMatch(/Upload a log/);
  });
  it("says what to do when it cannot be had", async () => {
    server({ "GET /cases/c/timeline": { status: 500, body: { detail: "Broken", error: { code: "internal" } } } });
    const panel = new TimelinePanel("c", vi.fn());
    frame(panel.node);
    await panel.load();
    expect(document.querySelector("[role=alert]")!.textContent).toMatch(/Try again/);
  });
});
