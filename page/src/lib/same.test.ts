import { expect, test } from "vitest";
import { isSame } from "./same";

test.each<[unknown, unknown, boolean]>([
  [[1, null, NaN], [1, null, NaN], true],
  [[1, 2], [1, 2, 3], false],
  [{ x: [1], label: "a" }, { x: [1], label: "a" }, true],
  [{ x: [1] }, { x: [2] }, false],
  [{ a: undefined }, { b: undefined }, false],
  [undefined, undefined, true],
  [undefined, null, false],
  [[], {}, false],
  ["1", 1, false],
])("%j and %j", (a, b, same) => {
  expect(isSame(a, b)).toBe(same);
});
