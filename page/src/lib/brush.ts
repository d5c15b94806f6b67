// Parts of the axes of parallel coordinates that runs must lie in. The address has them: `keep=parameter/depth:0.25-0.75`. Pure functions.
import type { Axis } from "./compare";

const kName = "keep";
const kSteps = 100; // of an axis

// From 0, below, to 1: the whole axis.
export interface Brush {
  low: number;
  high: number;
}

export const keyOf = ({ of }: Pick<Axis, "of">) => `${of.group}/${of.name}`;

// By the axis' key. What is none is left out.
export function readBrushes(query: URLSearchParams): Map<string, Brush> {
  const found = new Map<string, Brush>();
  for (const written of query.getAll(kName)) {
    const [, key = "", low, high] = /^(.+):([\d.]+)-([\d.]+)$/.exec(written) ?? [];
    const brush = { low: Number(low), high: Number(high) };
    if (key && brush.low <= brush.high && brush.high <= 1) found.set(key, brush);
  }
  return found;
}

// With another part of an axis, or without one. A brush grows to whole steps, so that what it began and ended on lies in it.
export function withBrush(query: URLSearchParams, key: string, brush: Brush | undefined): URLSearchParams {
  const brushes = readBrushes(query);
  if (brush) brushes.set(key, { low: Math.floor(brush.low * kSteps + 1e-9) / kSteps, high: Math.ceil(brush.high * kSteps - 1e-9) / kSteps });
  else brushes.delete(key);
  const next = new URLSearchParams(query);
  next.delete(kName);
  for (const [axis, { low, high }] of brushes) next.append(kName, `${axis}:${low}-${high}`);
  return next;
}

// Whether a run lies in all of them; one without a value lies in none. Of axes that aren't drawn nothing is asked.
export function isKept(axes: Axis[], brushes: Map<string, Brush>, run: number): boolean {
  return axes.every((axis) => {
    const brush = brushes.get(keyOf(axis));
    const place = axis.places[run] ?? null;
    return !brush || (place !== null && place >= brush.low - 1e-9 && place <= brush.high + 1e-9);
  });
}
