import { describe, expect, it } from "vitest";
import { readAnswer, size } from "../src/files";
import { keys } from "../src/help";

describe("uploads", () => {
  it("writes sizes as people do", () => {
    expect(size(950)).toBe("950 bytes");
    expect(size(1_536)).toBe("1.5 KiB");
    expect(size(10 * 1_048_576)).toBe("10.0 MiB");
  });
  it("gives the record of a stored file", () => {
    expect(readAnswer(201, '{"file_id":"file_1"}')).toEqual({ file_id: "file_1" });
  });
  it("says what to do when the file is too large", () => {
    expect(() => readAnswer(413, '{"detail":"A file may have 10 bytes.","error":{"code":"too_large"}}')).toThrow(/A file may have 10 bytes\. Send the part/);
  });
  it("survives answers that are no JSON and servers that are gone", () => {
    expect(() => readAnswer(502, "<html>")).toThrow("The server answered 502.");
    expect(() => readAnswer(0, "")).toThrow(/cannot be reached/);
  });
});
describe("help", () => {
  it("names every key once", () => {
    expect(new Set(keys.map(([k]) => k)).size).toBe(keys.length);
  });
});
