import { describe, expect, it } from "vitest";
import { curlOf, pythonOf, requestOf } from "./inference";

const inputs = [
  { name: "pages", datatype: "FP64", shape: [-1] },
  { name: "shop", datatype: "BYTES", shape: [-1] },
  { name: "new", datatype: "BOOL", shape: [-1, 1] },
  { name: "place", datatype: "INT64", shape: [-1, 2] },
];
const texts = { pages: "3.5", shop: "it's", new: "true", place: "1, 2" };

describe("a request from a form", () => {
  it("has a row of typed values", () => {
    expect(requestOf(inputs, texts).inputs.map(({ shape, data }) => [shape, data])).toEqual([[[1], [3.5]], [[1], ["it's"]], [[1, 1], [true]], [[1, 2], [1, 2]]]);
  });
  it.each([
    ["pages", "", "pages: a number is expected: nothing is there"],
    ["pages", "x", "pages: a number is expected: x"],
    ["pages", "Infinity", "pages: a finite number is expected: Infinity"],
    ["place", "1, 9007199254740993", "place: browsers round a number of this size, other clients don't: 9007199254740993"],
    ["new", "yes", "new: true or false is expected"],
    ["place", "1", "place: 2 values are expected, separated by commas: there are 1"],
    ["place", "1,2.5", "place: a whole number is expected: 2.5"],
  ])("says what is wrong: %s %s", (name, text, words) => {
    expect(() => requestOf(inputs, { ...texts, [name]: text })).toThrow(words);
  });
  it("is said as commands", () => {
    const request = requestOf(inputs, texts);
    expect(curlOf("http://h/v2", request)).toContain(`"it'\\''s"`);
    expect(pythonOf("http://h/v2", request)).toContain('{"name": "new", "datatype": "BOOL", "shape": [1, 1], "data": [True]}');
    expect(pythonOf("u", requestOf(inputs, { ...texts, shop: "true" }))).toContain('"data": ["true"]');
  });
});
