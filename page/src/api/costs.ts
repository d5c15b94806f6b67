// What answering costs, and how it could be served.
import { get, own } from "./fetch";

// One way to serve an endpoint.
export interface ServingOption {
  mode: "real-time" | "stream" | "batch";
  max_rows: number;
  max_wait_ms: number;
  replicas: number; // cores
  load: number; // of one
  latency_ms: number | null; // at the percentile asked for
  cores_busy: number;
  cost_per_1000: number | null;
  meets_target: boolean;
}

export interface Advice {
  words: string;
  target: { latency_ms: number; percentile: number };
  traffic: { rate: number; rows_per_request: number; requests?: number; rate_peak?: number };
  cost: { fixed_us: number; row_us: number; core_hour: number | null; currency: string };
  options: ServingOption[]; // the cheapest that meet the target first
}

// What answering takes, measured since the server started.
export interface VersionCost {
  endpoint?: string; // where those of all endpoints were asked for
  version: number;
  predictions: number;
  cpu_seconds_per_1000: number | null;
  cost_per_1000: number | null; // no price is set: none
  currency: string | null;
}

export const costsApi = {
  costs: async (name: string, s?: AbortSignal) =>
    (await get<{ versions: VersionCost[] }>(own("endpoints", name, "cost"), s)).versions,
  allCostsPath: own("costs"),
  allCosts: async (s?: AbortSignal) => (await get<{ versions: VersionCost[] }>(costsApi.allCostsPath, s)).versions,
  advicePath: (name: string, target: Record<string, string>) => `${own("endpoints", name, "advice")}?${new URLSearchParams(target)}`,
  advice: (name: string, target: Record<string, string>, s?: AbortSignal) => get<Advice>(costsApi.advicePath(name, target), s),
};
