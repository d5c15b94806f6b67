import { expect, test } from "vitest";
import type { DrillReport, DrillVerdict, SuggestedAlert } from "../api";
import { alertYaml, changes, delay, noticedAfter, recovered, watchers, worstFirst } from "./drill";

const verdict = (fault: string, more: Partial<DrillVerdict> = {}): DrillVerdict => ({
  fault,
  what: fault,
  group: "input",
  share: 1,
  caught: false,
  by: null,
  delay_seconds: null,
  harmed: 0,
  action: null,
  action_right: null,
  cause_right: null,
  noticed: [],
  suggestion: null,
  ...more,
});
const report = (faults: DrillVerdict[], controls: DrillVerdict[] = []) => ({ faults, controls }) as unknown as DrillReport;
const by = (alert: string, seconds: number): Partial<DrillVerdict> => ({ caught: true, by: `alert ${alert}`, delay_seconds: seconds, noticed: [{ monitor: "m", alert, delay_seconds: seconds }] });

test.each([
  [null, "–"],
  [0, "at once"],
  [59, "at once"],
  [1800, "30 min"],
  [6 * 3600 + 60, "6 h"],
  [86400, "1 d"],
  [54 * 3600, "2 d 6 h"],
])("%s s is %s", (seconds, said) => {
  expect(delay(seconds)).toBe(said);
});

test("columns are who noticed anything, monitors first", () => {
  const all = report([verdict("a", by("auc", 60)), verdict("b", { caught: true, by: "/health", delay_seconds: 0 })], [verdict("twice", by("drift", 5))]);
  expect(watchers(all)).toEqual([
    { name: "auc", monitor: "m" },
    { name: "drift", monitor: "m" },
    { name: "/health", monitor: "" },
  ]);
  expect(watchers(all).map((watcher) => noticedAfter(all.faults[0] as DrillVerdict, watcher))).toEqual([60, null, null]);
  expect(watchers(all).map((watcher) => noticedAfter(all.faults[1] as DrillVerdict, watcher))).toEqual([null, null, 0]);
});

test("when it was well again, or why not", () => {
  expect([{ recovery_seconds: 7200, not_recovered: null }, { recovery_seconds: null, not_recovered: "nothing was done about it" }, {}].map((more) => recovered(verdict("a", more)))).toEqual([
    "2 h",
    "not recovered: nothing was done about it",
    "–",
  ]);
});

test("the worst comes first", () => {
  expect(worstFirst([verdict("soon", by("a", 1)), verdict("missed"), verdict("late", by("a", 9))]).map(({ fault }) => fault)).toEqual(["missed", "late", "soon"]);
});

test("an alert as slipway.yaml has it", () => {
  const suggestion: SuggestedAlert = { metric: "missing_rate", window: "day", over: 0.0123456, min_rows: 50, delay_seconds: 1 };
  expect(alertYaml("nulls:shop", suggestion)).toBe("nulls_shop: {metric: missing_rate, window: day, over: 0.01235, min_rows: 50}");
  expect(alertYaml("labels:none", { metric: "completeness", window: "day", under: 0.5, min_rows: 50, delay_seconds: 1 })).toContain("under: 0.5,");
});

test("what got better or worse", () => {
  const before = report([verdict("a"), verdict("b", by("x", 60)), verdict("c", by("x", 7200)), verdict("d"), verdict("e", { ...by("x", 1), share: 0.5 }), verdict("f", { ramp_seconds: 60 })]);
  const now = report([verdict("a", by("x", 0)), verdict("b"), verdict("c", by("x", 3600)), verdict("d"), verdict("e"), verdict("f", { ...by("x", 0), ramp_seconds: 120 })]);
  expect(changes(before, now).map(({ fault, isBetter, words }) => `${fault} ${isBetter ? "+" : "-"} ${words}`)).toEqual([
    "a + was missed, is noticed after at once",
    "b - was noticed, is missed",
    "c + was noticed after 2 h, now 1 h",
  ]);
});
