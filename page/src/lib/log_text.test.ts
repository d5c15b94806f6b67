import { describe, expect, it } from "vitest";
import { blocksOf, endOf, matchesOf, plain, wholeCharacters } from "./log_text";

describe("a log", () => {
  it("is cut into blocks of lines that are all of it", () => {
    const text = Array.from({ length: 250 }, (_, at) => `line ${at}`).join("\n");
    const blocks = blocksOf(text);
    expect(blocks).toHaveLength(3);
    expect(blocks.join("")).toBe(text);
    expect(blocksOf(`${text}\nmore`).slice(0, 2)).toEqual(blocks.slice(0, 2));
    expect(blocksOf("")).toEqual([]);
  });
  it.each([
    ["Error: an error, error", "error", [0, 10, 17]],
    ["a.b a+b", "a.b", [0]],
    ["aaa", "aa", [0]],
    ["İstanbul error", "ERROR", [9]],
    ["text", "", []],
    ["[1/3] (x)", "[1/3] (", [0]],
  ])("%s has %s at %j", (text, find, at) => {
    expect(matchesOf(text, find)).toEqual(at);
  });
  it("has no codes of colours", () => {
    expect(plain("\u001b[1m==> \u001b[31;1mred\u001b[0m\u001b[K")).toBe("==> red");
  });
  it("ends with a whole character", () => {
    const bytes = new TextEncoder().encode("a é € 🚢");
    const whole = Array.from(bytes, (_, at) => wholeCharacters(bytes.subarray(0, at + 1)));
    expect(whole).toEqual([1, 2, 2, 4, 5, 5, 5, 8, 9, 9, 9, 9, 13]);
    expect(wholeCharacters(bytes.subarray(0, 0))).toBe(0);
    expect(wholeCharacters(new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x80]))).toBe(5);
  });
  it("is cut at the beginning of a line", () => {
    expect(endOf("one\ntwo\nthree", 7)).toBe("three");
    expect(endOf("one\ntwo", 10)).toBe("one\ntwo");
    expect(endOf("nolines", 3)).toBe("nes");
  });
});
