import { describe, expect, it } from "vitest";
import type { Minute } from "../api";
import { countsOf, lastAnswered, latenciesOf, overOf, ratesOf } from "./minutes";

const minute = (at: number, requests: number, errors = 0, ms: number | null = null): Minute => ({
  start: `2026-01-01T00:${String(at).padStart(2, "0")}:00Z`,
  requests,
  errors,
  latency_ms_p50: ms,
  latency_ms_p95: ms === null ? null : ms * 2,
  latency_ms_p99: ms === null ? null : ms * 3,
});

describe("rates", () => {
  it("are differences of counts, also over the end of a minute", () => {
    expect(ratesOf([minute(0, 9), minute(1, 10, 1)], [minute(0, 9), minute(1, 30, 6)], 5)).toEqual({ perSecond: 4, failed: 0.25 });
    expect(ratesOf([minute(0, 9), minute(1, 10)], [minute(1, 12), minute(2, 4, 3)], 2)).toEqual({ perSecond: 3, failed: 0.5 });
    expect(ratesOf([minute(1, 10)], [minute(1, 10)], 2)).toEqual({ perSecond: 0, failed: null });
  });
  it("are none where the server began anew, or an hour lies between", () => {
    expect(ratesOf([minute(1, 10)], [minute(1, 3)], 2)).toBeUndefined();
    expect(ratesOf([minute(1, 10)], [minute(2, 30)], 2)).toBeUndefined();
    expect(ratesOf([], [minute(1, 3)], 2)).toBeUndefined();
  });
});

describe("curves", () => {
  const minutes = [minute(0, 2, 0, 4), minute(1, 1, 1), minute(2, 5, 2)];
  it("count the minutes that are over", () => {
    expect(countsOf(overOf(minutes), "errors").series[0]?.values).toEqual([0, 1]);
    expect(countsOf(minutes, "requests", 900).series[0]).toMatchObject({ label: "requests per 15 minutes", values: [2, 1, 5] });
  });
  it("have gaps where nothing was answered", () => {
    expect(latenciesOf(minutes).series.map(({ label, values }) => [label, values])).toEqual([
      ["p50", [4, null, null]],
      ["p95", [8, null, null]],
      ["p99", [12, null, null]],
    ]);
    expect(lastAnswered(minutes)?.latency_ms_p99).toBe(12);
    expect(lastAnswered(minutes.slice(1))).toBeUndefined();
  });
});
