// What models cost, from what was measured and how they are asked. Pure functions.
import type { ModelOverview, VersionCost } from "../api";

export interface Week {
  predictions: number | null; // null: no monitor counts them, so nothing of the week is known
  cpuSeconds: number | null;
  cost: number | null; // null: also when no price is set
  currency: string;
  measured: VersionCost; // what it was reckoned from
}

// A week at the newest day's traffic and what the version in charge takes; undefined: nothing was measured yet.
export function weekOf(model: ModelOverview, costs: VersionCost[]): Week | undefined {
  const measured = costs.find((each) => each.version === model.version && each.predictions > 0) ?? costs.find((each) => each.predictions > 0);
  if (!measured || measured.cpu_seconds_per_1000 === null) return undefined;
  const a_day = model.traffic_per_day.at(-1);
  const of = (per_1000: number | null) => (a_day === undefined || per_1000 === null ? null : ((7 * a_day) / 1000) * per_1000);
  return {
    predictions: of(1000),
    cpuSeconds: of(measured.cpu_seconds_per_1000),
    cost: of(measured.cost_per_1000),
    currency: measured.currency ?? "",
    measured,
  };
}

export const sum = (cost: number, currency: string) => `${cost > 0 && cost < 0.01 ? "less than 0.01" : cost.toFixed(2)} ${currency}`;
