import { expect, test } from "vitest";
import { sorted } from "./sorted";

test.each([
  ["numbers by size", [10, 9, 100], false, [9, 10, 100]],
  ["texts with numbers in them as people do", ["v10", "v9", "a"], false, ["a", "v9", "v10"]],
  ["the other way round", [1, 3, 2], true, [3, 2, 1]],
  ["what is missing comes last", [null, 2, NaN, 1, undefined, ""], false, [1, 2, null, NaN, undefined, ""]],
  ["the other way round, too", [null, 1, 2], true, [2, 1, null]],
])("%s", (_, values, isDown, expected) => {
  expect(sorted<unknown>(values, (value) => value, isDown)).toEqual(expected);
});

test("rows that are alike keep their order", () => {
  const rows = [{ of: 1, name: "b" }, { of: 1, name: "a" }];
  expect(sorted(rows, ({ of }) => of, false)).toEqual(rows);
  expect(sorted(rows, ({ of }) => of, true)).toEqual(rows);
});
