// How curves are looked at, as the address says it: `smooth`, `y`, `x`. Pure functions.
import type { Series, Table } from "./series";

export type Across = "step" | "time" | "relative";

export interface CurveLook {
  smooth: number; // from 0, as it is, to below 1
  isLog: boolean;
  x: Across;
}

export const kSmoothMax = 0.99;
const kAcross: readonly string[] = ["step", "time", "relative"];

export function readCurveLook(query: URLSearchParams): CurveLook {
  const smooth = Number(query.get("smooth"));
  const x = query.get("x") ?? "";
  return { smooth: smooth > 0 ? Math.min(smooth, kSmoothMax) : 0, isLog: query.get("y") === "log", x: (kAcross.includes(x) ? x : "step") as Across };
}

// The rest of the address stays.
export function writeCurveLook(query: URLSearchParams, { smooth, isLog, x }: CurveLook): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [name, value] of [["smooth", smooth > 0 ? String(smooth) : ""], ["y", isLog ? "log" : ""], ["x", x === "step" ? "" : x]] as const) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}

// Exponential moving average without the pull to 0 of its beginning, as TensorBoard and W&B draw it: the weighted mean of
// what came so far, each value `weight` times what its successor counts. Gaps stay gaps, and count nothing.
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  let [sum, counted] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + (1 - weight) * value;
    counted = counted * weight + (1 - weight);
    return sum / counted;
  });
}

// The curves as they are looked at: what was logged pale behind what was smoothed; without what has no logarithm.
export function looked({ x, series }: Table, { smooth, isLog }: CurveLook): Table {
  const drawn = (one: Series): Series => (isLog ? { ...one, values: one.values.map((value) => (value !== null && value > 0 ? value : null)) } : one);
  if (smooth === 0) return { x, series: series.map(drawn) };
  const pale = series.map((one) => drawn({ ...one, isPale: true }));
  return { x, series: [...pale, ...series.map((one) => drawn({ ...one, label: `${one.label} smoothed`, values: smoothed(one.values, smooth) }))] };
}
