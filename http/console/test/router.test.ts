import { describe, expect, it } from "vitest";
import { parsePlace, pathOf } from "../src/router";

describe("addresses", () => {
  it("of every place lead back to it", () => {
    for (const path of ["/", "/cases/case_1"]) expect(pathOf(parsePlace(path))).toBe(path);
  });
  it("that mean nothing lead to the start", () => {
    for (const path of ["/nowhere", "/cases/", "/cases/a%2Fb"]) expect(parsePlace(path)).toEqual({ page: "start" });
  });
});
