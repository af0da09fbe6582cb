// What the server says of a file, in the one shape the page works with.
import { describe, expect, it } from "vitest";
import { analysisOf, fileOf, typeName } from "../src/analysis";
import { firstOfEach, pictureType } from "../src/filepage";

const log = {
  schema: 1, lines: 2000, shortened: false, time: { from: "2026-01-31T12:00:00.000Z", to: "2026-01-31T12:23:19.300Z", zone_known: true },
  levels: { none: 0, info: 1978, warning: 21, error: 1, fatal: 0 },
  look_first: [
    { template_id: 2, why: "rare", count: 1, quote: { line: 1201, begin: 107084, end: 107192, text: "ERROR refused" }, lines: [[1201, 1201]] },
    { template_id: 0, why: "", count: 3, quote: { line: 1, begin: 0, end: 77, text: "WARN evicted" }, lines: [[1, 1], [98, 98], [195, 196]] }],
  findings: [{ kind: "first_error", title: "The first error", count: 1, score: 90, at: { line: 1201, begin: 107084, end: 107192, text: "ERROR refused" } }],
  stack_traces: [{ lines: 3, repeats: 2, head: { line: 1201, begin: 107084, end: 107192, text: "ERROR refused" }, root: { line: 1203, begin: 1, end: 2, text: "Caused by: x" } }],
  scenes: [{ what: "around the first error", first_line: 1191, last_line: 1211 }],
  identifiers: [{ kind: "host", value: "db-3", count: 2, errors: 1, first_line: 5 }],
  templates: [{ id: 0, pattern: "entry <*> evicted", count: 3, level: "warning", trouble: 2, first_line: 1, last_line: 195, example: { line: 1, begin: 0, text: "WARN evicted" }, over_time: [2, 1] }, { id: 2, pattern: "refused <*>", count: 1, level: "error", trouble: 4, first_line: 1201, last_line: 1201, example: { line: 1201, begin: 107084, text: "ERROR refused" }, over_time: [0, 1] }],
};
const metrics = {
  data_type: "metrics_and_performance", full_extraction: "Findings", key_insights: [{ text: "rose", at: { begin: 1, end: 2, first_line: 352, last_line: 353 } }, { text: "no place", at: { begin: 0, end: 0, first_line: 0, last_line: 0 } }],
  findings: [{ kind: "change_point", weight: "danger", title: "it rose", where: "cpu", at: { begin: 10875, end: 10936, first_line: 352, last_line: 353 }, quote: "a\nb", score: 6 }],
  plots: [{ name: "cpu", sparkline: "▁█", svg: "<svg></svg>" }], facts: { series: "2" }, secrets_detected: true, alternative_types: [{ data_type: "unstructured_text", confidence: 0.2 }], shortened: null, refused: null,
};

describe("a record", () => {
  it("has one of three states, and a reason where it could not be read", () => {
    expect(fileOf({ file_id: "f", file_name: "a", file_size: 3, data_type: "logs_and_errors", processing_status: "completed", classification: { confidence: 0.99 } })).toMatchObject({ status: "analysed", confidence: 0.99, bytes: 3 });
    expect(fileOf({ file_id: "f", data_type: "unanalyzable", processing_status: "failed", error: "no text" })).toMatchObject({ status: "unanalyzable", error: "no text" });
    expect(fileOf({ file_id: "f", processing_status: "processing" }).status).toBe("processing");
    expect(fileOf({})).toMatchObject({ id: "", bytes: 0 });
  });
  it("names types for people", () => {
    expect(typeName("logs_and_errors")).toBe("Log");
    expect(typeName("something_new")).toBe("something_new");
  });
});

describe("a log's analysis", () => {
  const a = analysisOf(log);
  it("cites places by line, once, with all that is said of them and the byte to find them fast", () => {
    expect(a.cited.map((c) => [c.lines.first, c.lines.last, c.begin])).toEqual([[1, 1, 0], [98, 98, null], [195, 196, null], [1201, 1203, 107084]]);
    expect(a.cited[3]).toMatchObject({ level: "error", title: "refused <*> (rare); The first error; Stack trace, 2 times: Caused by: x", quote: "ERROR refused" });
  });
  it("lists each template once, the worst first", () => {
    expect(firstOfEach(a.cited).map((c) => [c.lines.first, c.title])).toEqual([[1201, a.cited[3]!.title], [1, "entry <*> evicted"]]);
  });
  it("cites the worst line of a pattern that fills the file, not everything", () => {
    const wide = analysisOf({ ...log, look_first: [{ template_id: 2, why: "", quote: { line: 700, begin: 9, text: "x" }, lines: [[1, 2000]] }], findings: [], stack_traces: [] });
    expect(wide.cited.map((c) => c.lines)).toEqual([{ first: 700, last: 700 }]);
  });
  it("keeps levels that occur, the worst first", () => expect(a.levels).toEqual([["error", 1], ["warning", 21], ["info", 1978]]));
  it("knows templates, scenes and identifiers", () => {
    expect(a.log).toBe(true);
    expect(a.templates[1]).toMatchObject({ first: 1201, example: { begin: 107084 }, overTime: [0, 1] });
    expect(a.scenes[0]!.lines).toEqual({ first: 1191, last: 1211 });
    expect(a.identifiers[0]!.value).toBe("db-3");
  });
});

describe("every other analysis", () => {
  const a = analysisOf(metrics);
  it("has findings with ranges, plots, facts and warnings", () => {
    expect(a.log).toBe(false);
    expect(a.cited[0]).toMatchObject({ lines: { first: 352, last: 353 }, begin: 10875, level: "error" });
    expect(a.insights.map((i) => i.lines)).toEqual([{ first: 352, last: 353 }, null]);
    expect(a.plots[0]!.name).toBe("cpu");
    expect([a.secrets, a.personal]).toEqual([true, false]);
    expect(a.facts).toEqual([["series", "2"]]);
  });
  it("may be missing altogether, or be wrong in any part", () => {
    for (const odd of [null, undefined, "x", 3, [], {}, { templates: [null, {}], findings: [{}], look_first: [{}], plots: [{}], stack_traces: [{}] }]) expect(() => analysisOf(odd)).not.toThrow();
  });
});

it("knows pictures by their first bytes", () => {
  expect(pictureType(new Uint8Array([0x89, 0x50, 0x4e, 0x47]))).toBe("image/png");
  expect(pictureType(new Uint8Array([0xff, 0xd8, 0xff]))).toBe("image/jpeg");
  expect(pictureType(new Uint8Array([0x3c, 0x73, 0x76, 0x67]))).toBe("");
});
