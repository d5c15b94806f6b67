// What models cost, from what was measured and how they are asked. Pure functions.
import type { ModelOverview, VersionCost } from "../api";

// What a model took in some time.
export interface Spent {
  predictions: number | null; // null: nobody has counted them, so nothing is known
  cpuSeconds: number | null;
  cost: number | null; // null: also when no price is set
  currency: string;
  measured: VersionCost; // what it was reckoned from
}

// So many predictions at what the version in charge takes; undefined: nothing was measured yet.
export function spentOf(model: ModelOverview, costs: VersionCost[], predictions: number | null): Spent | undefined {
  const measured = costs.find((each) => each.version === model.version && each.predictions > 0) ?? costs.find((each) => each.predictions > 0);
  if (!measured || measured.cpu_seconds_per_1000 === null) return undefined;
  const of = (per_1000: number | null) => (predictions === null || per_1000 === null ? null : (predictions / 1000) * per_1000);
  return {
    predictions,
    cpuSeconds: of(measured.cpu_seconds_per_1000),
    cost: of(measured.cost_per_1000),
    currency: measured.currency ?? "",
    measured,
  };
}

// A week at the newest day's traffic, which a monitor counts.
export function weekOf(model: ModelOverview, costs: VersionCost[]): Spent | undefined {
  const a_day = model.traffic_per_day.at(-1);
  return spentOf(model, costs, a_day === undefined ? null : 7 * a_day);
}

export const sum = (cost: number, currency: string) => `${cost > 0 && cost < 0.01 ? "less than 0.01" : cost.toFixed(2)} ${currency}`;
