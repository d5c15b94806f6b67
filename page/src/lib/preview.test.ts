import { expect, test } from "vitest";
import { lookOf, parseTable, readableJson } from "./preview";

test.each([
  ["a/b/plot.PNG", "image"],
  ["metrics.json", "json"],
  ["model/MLmodel", "text"],
  ["x.csv", "table"],
  ["x.tsv", "table"],
  ["model.pkl", "none"],
  ["folder.txt/weights", "none"],
  [".env", "none"],
  ["log.txt", "text"],
])("%s is looked at as %s", (path, look) => {
  expect(lookOf(path)).toBe(look);
});

test("tables with quotes, line ends and a cut end", () => {
  expect(parseTable('a,b\r\n"x, ""y""","1\n2"\n3,', ",", 10, false)).toEqual([["a", "b"], ['x, "y"', "1\n2"], ["3", ""]]);
  expect(parseTable("a\tb\n1\t2\n3\t4", "\t", 2, false)).toEqual([["a", "b"], ["1", "2"]]);
  expect(parseTable("a,b\n1,2\n3,", ",", 10, true)).toEqual([["a", "b"], ["1", "2"]]);
  expect(parseTable("", ",", 10, false)).toEqual([]);
});

test("JSON in lines, and what is none as it is", () => {
  expect(readableJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(readableJson('{"a":[1')).toBe('{"a":[1');
});
