// How an endpoint has answered minute by minute, as rates and curves. Pure functions.
import type { Minute } from "../api";
import { stepName } from "./span";
import { seconds, type Table } from "./series";

// What happened between two looks.
export interface Rates {
  perSecond: number;
  failed: number | null; // a share; null: nobody asked
}

const countOf = (minutes: Minute[], from: string, which: "requests" | "errors") => minutes.reduce((sum, minute) => sum + (minute.start >= from ? minute[which] : 0), 0);

// Nothing when the server began anew, or an hour lies between.
export function ratesOf(before: Minute[], after: Minute[], passed: number): Rates | undefined {
  const last = before.at(-1)?.start;
  if (last === undefined || passed <= 0 || !after.some(({ start }) => start === last)) return undefined;
  const [requests, errors] = (["requests", "errors"] as const).map((which) => countOf(after, last, which) - countOf(before, last, which)) as [number, number];
  if (requests < 0 || errors < 0) return undefined;
  return { perSecond: requests / passed, failed: requests === 0 ? null : errors / requests };
}

// The newest minute that has answers; none: nobody asked in the last hour.
export const lastAnswered = (minutes: Minute[]) => minutes.findLast(({ latency_ms_p50 }) => latency_ms_p50 !== null);

// The newest minute isn't over: its counts say little yet.
export const overOf = (minutes: Minute[]) => minutes.slice(0, -1);

export function countsOf(steps: Minute[], which: "requests" | "errors", stepSeconds = 60): Table {
  return { x: steps.map(({ start }) => seconds(start)), series: [{ label: `${which} per ${stepName(stepSeconds)}`, kind: which === "errors" ? "other" : "live", values: steps.map((step) => step[which]) }] };
}

export function latenciesOf(minutes: Minute[]): Table {
  const of = (label: string, value: (minute: Minute) => number | null, more: object) => ({ label, values: minutes.map(value), ...more });
  return {
    x: minutes.map(({ start }) => seconds(start)),
    series: [
      of("p50", ({ latency_ms_p50 }) => latency_ms_p50, { kind: "live" }),
      of("p95", ({ latency_ms_p95 }) => latency_ms_p95, { kind: "shadow" }),
      of("p99", ({ latency_ms_p99 }) => latency_ms_p99, { kind: "other" }),
    ] as Table["series"],
  };
}
