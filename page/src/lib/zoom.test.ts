import { expect, test } from "vitest";
import { panned, zoomed } from "./zoom";

test("what is pointed at stays where it is", () => {
  expect(zoomed([0, 100], [0, 100], 25, 0.5)).toEqual([12.5, 62.5]);
  expect(zoomed([20, 40], [0, 100], 30, 2)).toEqual([10, 50]);
});

test("never more than all is seen, and never beyond its ends", () => {
  expect(zoomed([20, 80], [0, 100], 50, 4)).toEqual([0, 100]);
  expect(zoomed([0, 20], [0, 100], 20, 2)).toEqual([0, 40]);
  expect(zoomed([80, 100], [0, 100], 80, 2)).toEqual([60, 100]);
});

test("it ends somewhere", () => {
  const [low, high] = zoomed([50, 50 + 1e-4], [0, 100], 50, 0.1);
  expect(high - low).toBeCloseTo(1e-4);
});

test("panning stops at the ends", () => {
  expect(panned([20, 40], [0, 100], 0.5)).toEqual([30, 50]);
  expect(panned([20, 40], [0, 100], -2)).toEqual([0, 20]);
  expect(panned([70, 90], [0, 100], 1)).toEqual([80, 100]);
});

test("one place is a place", () => {
  expect(panned([3, 3], [3, 3], 1)).toEqual([3, 3]);
  expect(zoomed([3, 3], [3, 3], 3, 0.5)).toEqual([3, 3]);
});
