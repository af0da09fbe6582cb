import { describe, expect, it, vi } from "vitest";
import { findCitations, linkCitations, sourcesOf } from "../src/citations";
import { h } from "../src/dom";

const files = [{ id: "f1", name: "app.log" }, { id: "f2", name: "app.log.1" }, { id: "f3", name: "my notes (1).txt" }];
const found = (text: string, own?: string) => findCitations(text, own ? { files, own } : { files }).map((f) => (f.kind === "lines" ? `${f.file}:${f.lines.first}-${f.lines.last}` : f.kind === "document" ? f.document : f.kind === "case" ? f.case : f.file));

describe("what is cited", () => {
  it("is a name with lines, in any of the usual ways", () => {
    for (const text of ["app.log:12", "see `app.log`:12", "app.log line 12", "app.log, line 12", "app.log (line 12)", "line 12 of app.log", "line 12 in `app.log`", "app.log:L12"])
      expect(found(text), text).toEqual(["f1:12-12"]);
    for (const text of ["app.log:12-14", "app.log lines 12-14", "lines 12 to 14 of app.log", "app.log, lines 12–14"]) expect(found(text), text).toEqual(["f1:12-14"]);
  });
  it("is the longest name that stands there, and no part of another", () => {
    expect(found("app.log.1:7")).toEqual(["f2:7-7"]);
    expect(found("myapp.log:7 and other/app.log:7")).toEqual([]);
    expect(found("my notes (1).txt:3")).toEqual(["f3:3-3"]);
  });
  it("is a bare line only where the file is known", () => {
    expect(found("line 1201 (1 line, error)")).toEqual([]);
    expect(found("line 1201 (1 line, error)", "f9")).toEqual(["f9:1201-1201"]);
  });
  it("is no time, no number of lines, no line 0, no range backwards", () => {
    expect(found("app.log:12:30:01")).toEqual([]);
    expect(found("app.log has 12 lines")).toEqual([]);
    expect(found("app.log:0 app.log:9-3")).toEqual([]);
  });
  it("is a document or a case by its id", () => expect(found("as in [doc_0123456789ab] and [case_0123456789ab].")).toEqual(["doc_0123456789ab", "case_0123456789ab"]));
});

describe("links", () => {
  it("replace exactly the words, once, and lead there", () => {
    const open = vi.fn(), root = h("div", {}, h("p", {}, "See app.log:12 and app.log:20-22."), h("a", { href: "/x" }, "app.log:5"));
    const links = { hrefOf: () => "/there", open };
    linkCitations(root, { files }, links);
    linkCitations(root, { files }, links);
    expect(root.textContent).toBe("See app.log:12 and app.log:20-22.app.log:5");
    const made = [...root.querySelectorAll<HTMLAnchorElement>("a.cite")];
    expect(made.map((a) => a.textContent)).toEqual(["app.log:12", "app.log:20-22"]);
    made[1]!.click();
    expect(open.mock.calls[0]![0]).toMatchObject({ file: "f1", lines: { first: 20, last: 22 } });
  });
});

describe("sources of an answer", () => {
  it("are read from its metadata, whatever is there", () => {
    expect(sourcesOf({ sources: '[{"type":"knowledge_base","id":"doc_1","title":"T"},{"type":"other","id":"x"}]' })).toEqual([{ id: "doc_1", title: "T" }]);
    for (const odd of ["", "x", "{}", "[null]", '[{"type":"knowledge_base","id":"../x"}]']) expect(sourcesOf({ sources: odd })).toEqual([]);
  });
});
