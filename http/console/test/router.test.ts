import { describe, expect, it } from "vitest";
import { caseOf, linesText, parseLines, parsePlace, pathOf } from "../src/router";

describe("addresses", () => {
  it("of every place lead back to it", () => {
    for (const path of ["/", "/cases/case_1", "/cases/case_1?message=msg_1", "/cases/case_1/files", "/cases/case_1/timeline", "/cases/case_1/files/file_1", "/cases/case_1/files/file_1/templates", "/cases/case_1/files/file_1/text", "/cases/case_1/files/file_1/text?lines=12-14", "/cases/case_1/files/file_1/text?lines=7", "/knowledge", "/knowledge?q=disk+full&whose=shared", "/knowledge/new", "/knowledge/new?whose=shared", "/knowledge/doc_1", "/knowledge/doc_1/edit"])
      expect(pathOf(parsePlace(path))).toBe(path);
  });
  it("that mean nothing lead to the start", () => {
    for (const path of ["/nowhere", "/cases/", "/cases/a%2Fb", "/cases/c/files/f/other"]) expect(parsePlace(path)).toEqual({ page: "start" });
  });
  it("may end with a slash, and carry lines that are none", () => {
    expect(parsePlace("/knowledge/")).toMatchObject({ page: "knowledge" });
    expect(parsePlace("/cases/c/files/f/text?lines=9-3")).toMatchObject({ page: "file", lines: null });
  });
  it("tell the case they belong to", () => expect([caseOf(parsePlace("/cases/c/files/f")), caseOf(parsePlace("/knowledge"))]).toEqual(["c", null]));
  it("write lines as people do", () => {
    expect(parseLines("12-14")).toEqual({ first: 12, last: 14 });
    for (const odd of ["", "0", "-1", "a", "1-", null]) expect(parseLines(odd)).toBeNull();
    expect([linesText({ first: 3, last: 3 }), linesText({ first: 3, last: 4 })]).toEqual(["3", "3-4"]);
  });
});
