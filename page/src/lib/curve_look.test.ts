import { expect, test } from "vitest";
import { looked, readCurveLook, smoothed, writeCurveLook } from "./curve_look";

test("the address says how curves are looked at, and only what isn't usual", () => {
  const look = readCurveLook(new URLSearchParams("smooth=0.6&y=log&x=time"));
  expect(look).toEqual({ smooth: 0.6, isLog: true, x: "time" });
  expect(writeCurveLook(new URLSearchParams("metrics=loss"), look).toString()).toBe("metrics=loss&smooth=0.6&y=log&x=time");
  expect(writeCurveLook(new URLSearchParams("metrics=loss&smooth=0.6&y=log&x=time"), readCurveLook(new URLSearchParams())).toString()).toBe("metrics=loss");
  expect(readCurveLook(new URLSearchParams("smooth=7&y=up&x=moon"))).toEqual({ smooth: 0.99, isLog: false, x: "step" });
  for (const smooth of ["-1", "much", ""]) expect(readCurveLook(new URLSearchParams(`smooth=${smooth}`)).smooth).toBe(0);
});

test("smoothing begins at the first value, not at 0, and goes over gaps", () => {
  expect(smoothed([5, 5, null, 5], 0.9).map((value) => value && +value.toFixed(9))).toEqual([5, 5, null, 5]);
  // By hand, weight 0.5: (0.5 * 1) / 0.5; (0.25 * 1 + 0.5 * 3) / 0.75; (0.125 * 1 + 0.25 * 3 + 0.5 * 5) / 0.875.
  expect(smoothed([1, 3, 5], 0.5).map((value) => value && +value.toFixed(6))).toEqual([1, 2.333333, 3.857143]);
  expect(smoothed([], 0.5)).toEqual([]);
});

test("what was logged stays pale behind, and what has no logarithm is a gap", () => {
  const table = { x: [0, 1, 2], series: [{ label: "loss", kind: "live" as const, values: [4, 0, -1] }] };
  expect(looked(table, { smooth: 0, isLog: false, x: "step" })).toEqual(table);
  expect(looked(table, { smooth: 0, isLog: true, x: "step" }).series[0]?.values).toEqual([4, null, null]);
  const { series } = looked(table, { smooth: 0.5, isLog: false, x: "step" });
  expect(series.map(({ label, isPale }) => [label, isPale ?? false])).toEqual([["loss", true], ["loss smoothed", false]]);
  expect(series[0]?.values).toEqual([4, 0, -1]);
});
