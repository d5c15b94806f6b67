import { expect, test } from "vitest";
import type { Alert, Metric, Revision, RunAndCurves, Window } from "../api";
import { byVariant, curve, driftHeat, driftLevel, intervals, latest, marks, measuredAlike, spacedOut, withEstimates, withPoints } from "./series";

function window(start: string, variant: string, auc: number | null, psi: Record<string, number> = {}): Window {
  return {
    window: "day",
    variant,
    role: variant === "frozen" ? "shadow" : "live",
    model_version: 1,
    start,
    end: start,
    rows: 1,
    labels: 1,
    completeness: 1,
    errors: 0,
    judged: true,
    judged_at: start,
    intervals: {},
    metrics: { auc },
    drift: Object.entries(psi).map(([feature, value]) => ({
      feature,
      psi: value,
      jensen_shannon: null,
      ks: null,
      wasserstein: null,
      missing_rate: null,
      unseen_rate: null,
    })),
  };
}

test("variants share one axis, the live one first, and what is missing is a gap", () => {
  const table = byVariant(
    [
      window("1970-01-01T00:00:20Z", "frozen", 0.6),
      window("1970-01-01T00:00:10Z", "live", 0.7),
      window("1970-01-01T00:00:20Z", "live", 0.8),
      window("1970-01-01T00:00:20Z", "canary", null),
    ],
    (each) => each.metrics["auc"],
  );
  expect(table.x).toEqual([10, 20]);
  expect(table.series).toEqual([
    { label: "live", kind: "live", values: [0.7, 0.8] },
    { label: "frozen", kind: "shadow", values: [null, 0.6] },
  ]);
  expect(byVariant([], () => 1)).toEqual({ x: [], series: [] });
});

test("an estimate of a live window is a line of its own, also where labels are still coming", () => {
  const waiting = { ...window("1970-01-01T00:00:20Z", "live", null), judged: false, metrics: { estimated_auc: 0.81 } };
  const windows = [window("1970-01-01T00:00:10Z", "live", 0.7), waiting, { ...waiting, variant: "frozen", role: "shadow" as const }];
  expect(byVariant(withEstimates(windows, "auc"), (each) => each.metrics["auc"]).series).toEqual([
    { label: "live", kind: "live", values: [0.7, null] },
    { label: "estimated", kind: "other", values: [null, 0.81] },
  ]);
});

test("predictions that another method measured are no part of the line", () => {
  const by = (start: string, declared_method: string, declared_threshold?: number) => ({
    ...window(start, "live", null),
    prediction_drift: { feature: "prediction", psi: null, jensen_shannon: null, missing_rate: 0, unseen_rate: 0, declared_method, ...(declared_threshold ? { declared_threshold } : {}) },
  });
  const windows = [by("a", "wasserstein"), by("b", "ks"), window("c", "live", 1), by("d", "ks", 0.1), by("e", "ks")];
  expect(measuredAlike(windows).map(({ start }) => start)).toEqual(["b", "e"]);
  expect(measuredAlike([window("a", "live", 1)])).toEqual([]);
});

test("the heat map puts the input that drifted most on top", () => {
  const heat = driftHeat([
    window("1970-01-01T00:00:10Z", "live", 1, { calm: 0.01, wild: 0.2 }),
    window("1970-01-01T00:00:20Z", "live", 1, { wild: 0.4 }),
    window("1970-01-01T00:00:20Z", "frozen", 1),
  ]);
  expect(heat.starts).toHaveLength(2);
  expect(heat.rows.map((row) => row.feature)).toEqual(["wild", "calm"]);
  expect(heat.rows[1]?.values).toEqual([0.01, null]);
  expect(heat.rows.map((row) => row.levels)).toEqual([
    [1, 3],
    [0, null],
  ]);
});

test("the colour of drift is that of its verdict", () => {
  expect(driftLevel({ psi: 2, drifted: false })).toBe(1);
  expect(driftLevel({ psi: 0.01, drifted: false })).toBe(0);
  expect(driftLevel({ psi: 0.01, drifted: true })).toBe(2);
  expect(driftLevel({ psi: 0.3, drifted: true })).toBe(3);
  expect(driftLevel({ psi: null, drifted: true })).toBe(2);
});

test("dates of an axis are apart", () => {
  expect(spacedOut(3, 6)).toEqual([0, 1, 2]);
  expect(spacedOut(14, 4)).toEqual([0, 4, 8, 12]);
  expect(spacedOut(0, 4)).toEqual([]);
});

test("a metric without steps is drawn over time, and what isn't finite is a gap", () => {
  const point = (step: number, timestamp: number, value: number | string) => ({ key: "m", step, timestamp, value });
  expect(curve([point(2, 0, 3), point(1, 0, "NaN")])).toMatchObject({
    axis: "step",
    x: [1, 2],
    series: [{ label: "m", values: [null, 3] }],
  });
  expect(curve([point(0, 5000, 1), point(0, 7000, 2)])).toMatchObject({ axis: "seconds", x: [0, 2] });
  expect(curve([]).x).toEqual([]);
  expect(curve([point(2, 5000, 3), point(1, 4000, 1)], "relative")).toMatchObject({ axis: "seconds", x: [0, 1], series: [{ values: [1, 3] }] });
  expect(curve([point(2, 5000, 3), point(1, 4000, 1)], "time")).toMatchObject({ axis: "time", x: [4, 5] });
});

test("marks are what happened: no skipped actions, no canary steps, in order", () => {
  const action = { kind: "retrain", time: "1970-01-01T00:00:30Z" };
  const alert = {
    alert: "calibration",
    time: "1970-01-01T00:00:30Z",
    actions: [
      { ...action, state: "skipped" },
      { ...action, state: "refused" },
    ],
  } as unknown as Alert;
  const revision = (kind: string, time: string) =>
    ({ kind, time, variants: [{ name: "live", version: 2 }] }) as unknown as Revision;
  const found = marks(
    [alert],
    [
      revision("rollback", "1970-01-01T00:01:00Z"),
      revision("canary-step", "1970-01-01T00:00:50Z"),
      revision("deploy", "1970-01-01T00:00:01Z"),
    ],
  );
  expect(found.map((mark) => mark.text)).toEqual([
    "released version 2",
    "alert calibration",
    "retrain: refused by its gate",
    "rolled back to version 2",
  ]);
});

const point = (key: string, step: number, value: number | string, timestamp = 1): Metric => ({ key, step, value, timestamp });

test("the latest point has the greatest step, then time, then value; NaN counts as 0", () => {
  const found = latest([point("a", 2, 1), point("a", 1, 9, 5), point("b", 1, "NaN"), point("b", 1, -1), point("b", 1, 0.5)]);
  expect(found.get("a")).toEqual(point("a", 2, 1));
  expect(found.get("b")).toEqual(point("b", 1, 0.5));
});

test("points that arrive go on with their curves, once each, and start new ones", () => {
  const info = { run_id: "r", run_name: "r", experiment_id: "0", user_id: "", status: "RUNNING", start_time: 0 };
  const loaded: RunAndCurves = {
    run: { info, data: { metrics: [point("loss", 1, 0.5)] }, inputs: {} },
    curves: [[point("loss", 0, 1), point("loss", 1, 0.5)]],
  };
  const now = withPoints(loaded, [point("loss", 1, 0.5), point("loss", 2, 0.25), point("auc", 0, 0.7), point("other", 0, 1)], (all) => all.filter((name) => name !== "other"));
  expect(now.run.data.metrics).toEqual([point("auc", 0, 0.7), point("loss", 2, 0.25), point("other", 0, 1)]);
  expect(now.curves.map((curve) => curve.map(({ key, step }) => `${key} ${step}`))).toEqual([
    ["loss 0", "loss 1", "loss 2"],
    ["auc 0"],
  ]);
  expect(loaded.curves[0]).toHaveLength(2); // what was loaded stays as it is
});

test("intervals lie over the table's axis, and only where live windows have them", () => {
  const windows: Window[] = [
    { ...window("1970-01-01T00:00:20Z", "live", 0.7), intervals: { auc: [0.6, 0.8] } },
    { ...window("1970-01-01T00:00:10Z", "frozen", 0.7), intervals: { auc: [0.1, 0.9] } },
  ];
  expect(intervals(windows, "auc", [10, 20])).toEqual({ low: [null, 0.6], high: [null, 0.8] });
  expect(intervals(windows, "mae", [10, 20])).toBeUndefined();
});
