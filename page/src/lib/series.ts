// From the server's windows, points, alerts and revisions to what a chart draws. Pure functions.
import { type Action, type Alert, type FeatureDrift, type Metric, type Revision, type RunAndCurves, type Window } from "../api";

export interface Series {
  label: string;
  kind: "live" | "shadow" | "other";
  values: (number | null)[];
  colour?: string; // of its own
  isDashed?: boolean;
  isPale?: boolean; // behind the others
}

// Several series over one axis: seconds since 1970, or steps.
export interface Table {
  x: number[];
  series: Series[];
}

// The ends of the live values' intervals, over a table's axis.
export interface Band {
  low: (number | null)[];
  high: (number | null)[];
}

// Something that happened, drawn as an upright line.
export interface Mark {
  x: number;
  kind: "alert" | "action" | "release";
  text: string;
}

export const seconds = (time: string) => Date.parse(time) / 1000;

// One series per variant, live first, over the windows' starts. Windows that still wait for labels count too: what
// they have no number for is a gap.
export function byVariant(windows: Window[], value: (window: Window) => number | null | undefined): Table {
  const x = [...new Set(windows.map((window) => seconds(window.start)))].sort((a, b) => a - b);
  const at = new Map(x.map((start, index) => [start, index]));
  const found = new Map<string, Series>();
  for (const window of windows) {
    let series = found.get(window.variant);
    if (!series) {
      const kind = window.variant === "live" ? "live" : window.role === "shadow" ? "shadow" : "other";
      series = { label: window.variant, kind, values: x.map(() => null) };
      found.set(window.variant, series);
    }
    series.values[at.get(seconds(window.start)) ?? 0] = value(window) ?? null;
  }
  const order = { live: 0, shadow: 1, other: 2 };
  const series = [...found.values()]
    .filter((one) => one.values.some((each) => each !== null))
    .sort((a, b) => order[a.kind] - order[b.kind] || a.label.localeCompare(b.label));
  return { x, series };
}

// Those whose predictions the method measured that measured them last: another one's values are no part of its line.
export function measuredAlike(windows: Window[]): Window[] {
  const newest = windows.findLast((window) => window.prediction_drift)?.prediction_drift;
  return windows.filter(
    ({ prediction_drift: one }) => one && one.declared_method === newest?.declared_method && one.declared_threshold === newest.declared_threshold,
  );
}

// The intervals of a metric of the live windows over a table's axis; nothing when it has none.
export function intervals(windows: Window[], metric: string, x: number[]): Band | undefined {
  const known = new Map(windows.filter((window) => window.variant === "live").map((window) => [seconds(window.start), window.intervals?.[metric]]));
  const end = (side: 0 | 1) => x.map((start) => known.get(start)?.[side] ?? null);
  const band = { low: end(0), high: end(1) };
  return band.low.some((value) => value !== null) ? band : undefined;
}

// The windows, and what was estimated of the live ones before their labels came, as a variant of its own.
export function withEstimates(windows: Window[], metric: string): Window[] {
  const estimated = windows
    .filter((window) => window.variant === "live" && typeof window.metrics[`estimated_${metric}`] === "number")
    .map((window) => ({ ...window, variant: "estimated", metrics: { [metric]: window.metrics[`estimated_${metric}`] ?? null } }));
  return [...windows, ...estimated];
}

const kEnds: Record<Action["state"], string> = {
  starting: "starting",
  started: "running",
  done: "done",
  refused: "refused by its gate",
  failed: "failed",
  skipped: "skipped",
};

// Kinds of revisions that put a version in charge.
const kTakesCharge: Record<string, string> = { deploy: "released", promote: "released", conclude: "concluded for", rollback: "rolled back to", fallback: "fell back to" };

// Alerts, the actions they really started, and changes of the version in charge.
export function marks(alerts: Alert[], revisions: Revision[]): Mark[] {
  const all: Mark[] = [];
  for (const alert of alerts) {
    all.push({ x: seconds(alert.time), kind: "alert", text: `alert ${alert.alert}` });
    for (const action of alert.actions) {
      if (action.state === "skipped") continue;
      all.push({ x: seconds(action.time), kind: "action", text: `${action.kind}: ${kEnds[action.state]}` });
    }
  }
  for (const revision of revisions) {
    const what = kTakesCharge[revision.kind];
    if (!what) continue;
    const live = revision.variants.find((variant) => variant.name === "live");
    all.push({ x: seconds(revision.time), kind: "release", text: `${what} version ${live?.version ?? "?"}` });
  }
  return all.sort((a, b) => a.x - b.x);
}

// Drift of every input over the windows of the live variant, the most drifted first.
export interface Heat {
  starts: string[];
  rows: { feature: string; values: (number | null)[]; levels: (DriftLevel | null)[]; most: number }[];
}

// How an input stands: the verdict decides the colour, PSI only how deep it is. Without a verdict PSI is it.
export type DriftLevel = 0 | 1 | 2 | 3;
const kMovedPsi = 0.1; // the usual reading of PSI: below this nothing,
const kFarPsi = 0.25; // from this on a lot

export function driftLevel({ psi, drifted }: Pick<FeatureDrift, "psi" | "drifted">): DriftLevel {
  const isFar = (psi ?? 0) >= kFarPsi;
  if (drifted ?? isFar) return isFar ? 3 : 2;
  return (psi ?? 0) >= kMovedPsi ? 1 : 0;
}

export function driftHeat(windows: Window[]): Heat {
  const live = windows.filter((window) => window.variant === "live" && window.drift?.length);
  const rows = new Map<string, { values: (number | null)[]; levels: (DriftLevel | null)[] }>();
  live.forEach((window, index) => {
    for (const drift of window.drift ?? []) {
      let row = rows.get(drift.feature);
      if (!row) rows.set(drift.feature, (row = { values: live.map(() => null), levels: live.map(() => null) }));
      row.values[index] = drift.psi;
      row.levels[index] = drift.psi === null && drift.drifted === undefined ? null : driftLevel(drift);
    }
  });
  return {
    starts: live.map((window) => window.start),
    rows: [...rows]
      .map(([feature, row]) => ({ feature, ...row, most: Math.max(...row.values.map((value) => value ?? 0)) }))
      .sort((a, b) => b.most - a.most || a.feature.localeCompare(b.feature)),
  };
}

// Which of so many columns have a date below them: the first, and at most `most` in all, evenly.
export function spacedOut(count: number, most: number): number[] {
  const every = Math.max(1, Math.ceil(count / most));
  return Array.from({ length: Math.ceil(count / every) }, (_, at) => at * every);
}

export type Axis = "step" | "seconds" | "time";

// Where points lie: at their steps; at seconds since the first of them where every step is the same or `relative` is asked for;
// at seconds since 1970.
export function across(points: Metric[], asked: "step" | "time" | "relative"): { axis: Axis; at: (point: Metric, first: number) => number } {
  if (asked === "time") return { axis: "time", at: ({ timestamp }) => timestamp / 1000 };
  if (asked === "step" && points.some(({ step }) => step !== points[0]?.step)) return { axis: "step", at: ({ step }) => step };
  return { axis: "seconds", at: ({ timestamp }, first) => (timestamp - first) / 1000 };
}

export const firstOf = (points: Metric[]) => points.reduce((least, { timestamp }) => Math.min(least, timestamp), Infinity);

// A metric's history.
export function curve(points: Metric[], asked: "step" | "time" | "relative" = "step"): Table & { axis: Axis } {
  const { axis, at: place } = across(points, asked);
  const first = firstOf(points);
  const at = (point: Metric) => place(point, first);
  const sorted = [...points].sort((a, b) => at(a) - at(b) || a.timestamp - b.timestamp);
  const finite = (value: number | string) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  return {
    axis,
    x: sorted.map(at),
    series: [{ label: points[0]?.key ?? "", kind: "live", values: sorted.map((point) => finite(point.value)) }],
  };
}

// Of each key the point that MLflow calls the latest: by step, then time, then value, where NaN counts as 0.
export function latest(points: Metric[]): Map<string, Metric> {
  const size = (point: Metric) => (typeof point.value === "number" ? point.value : 0);
  const found = new Map<string, Metric>();
  for (const point of points) {
    const last = found.get(point.key);
    const later = last && (point.step - last.step || point.timestamp - last.timestamp || size(point) - size(last));
    if (later === undefined || later > 0) found.set(point.key, point);
  }
  return found;
}

// The run with points that came after it was loaded, also of metrics that have none yet and are drawn (`names` of all of them).
// Some may be in there already.
export function withPoints({ run, curves }: RunAndCurves, points: Metric[], names: (all: string[]) => string[]): RunAndCurves {
  if (points.length === 0) return { run, curves };
  const metrics = [...latest([...(run.data.metrics ?? []), ...points]).values()];
  metrics.sort((a, b) => (a.key < b.key ? -1 : 1));
  const byKey = new Map(curves.map((curve) => [curve[0]?.key ?? "", [...curve]]));
  const words = (point: Metric) => `${point.step} ${point.timestamp} ${point.value}`;
  const drawn = new Map([...byKey].map(([key, curve]) => [key, new Set(curve.map(words))]));
  const asked = new Set(names(metrics.map(({ key }) => key)));
  for (const point of points) {
    if (!byKey.has(point.key) && !asked.has(point.key)) continue;
    const curve = byKey.get(point.key) ?? [];
    const seen = drawn.get(point.key) ?? new Set();
    byKey.set(point.key, curve);
    drawn.set(point.key, seen);
    if (!seen.has(words(point))) curve.push(point);
    seen.add(words(point));
  }
  return { run: { ...run, data: { ...run.data, metrics } }, curves: [...byKey.values()] };
}
