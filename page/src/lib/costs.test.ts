import { describe, expect, it } from "vitest";
import type { ModelOverview } from "../api";
import { spentOf, sum, weekOf } from "./costs";

const model = { version: 3, traffic_per_day: [5, 1000] } as unknown as ModelOverview;
const version = (number: number, predictions: number, cost_per_1000: number | null = 0.5) => ({ version: number, predictions, cpu_seconds_per_1000: predictions > 0 ? 2 : null, cost_per_1000, currency: "EUR" });

describe("a week's cost", () => {
  it("is that of the version in charge at the newest day's traffic", () => expect(weekOf(model, [version(2, 9, 9), version(3, 1)])).toMatchObject({ predictions: 7000, cpuSeconds: 14, cost: 3.5, currency: "EUR" }));
  it("is that of another version as long as the one in charge answered nothing", () => expect(weekOf(model, [version(2, 9, 1), version(3, 0, null)])).toMatchObject({ cost: 7 }));
  it("is not known where nobody counts predictions", () => expect(weekOf({ ...model, traffic_per_day: [] }, [version(3, 1)])).toMatchObject({ predictions: null, cpuSeconds: null, cost: null }));
  it("has no money without a price", () => expect(weekOf(model, [version(3, 1, null)])).toMatchObject({ cpuSeconds: 14, cost: null }));
  it("is not known before anything was measured", () => expect(weekOf(model, [version(3, 0)])).toBeUndefined());
  it("is that of what was counted, where a time is chosen", () => expect([spentOf(model, [version(3, 1)], 500), spentOf(model, [version(3, 1)], null)]).toMatchObject([{ predictions: 500, cpuSeconds: 1, cost: 0.25 }, { predictions: null, cost: null }]));
  it("is told in cents", () => expect([sum(0, "EUR"), sum(0.001, "EUR"), sum(1.239, "EUR")]).toEqual(["0.00 EUR", "less than 0.01 EUR", "1.24 EUR"]));
});
