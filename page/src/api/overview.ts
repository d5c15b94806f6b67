// The event clock and the models in production.
import { get, own } from "./fetch";

export interface Clock {
  clock: "wall" | "rehearsal";
  now: string;
  state: "ready" | "waiting";
  runs: string[];
}

export type HealthWord = "healthy" | "watch" | "alert" | "unknown";

export type Phase = "empty" | "proposed" | "canary" | "steady";

export interface ModelOverview {
  name: string;
  endpoint: string;
  owner: string;
  phase: Phase;
  health: HealthWord;
  health_reason: string;
  traffic_per_day: number[];
  open_alerts: number;
  version: number | null;
  last_release: string | null;
}

export interface Overview {
  now: string;
  clock: "wall" | "rehearsal";
  models: ModelOverview[];
}

export const overviewApi = {
  clock: (s?: AbortSignal) => get<Clock>(own("clock"), s),
  overviewPath: own("overview"),
  overview: (s?: AbortSignal) => get<Overview>(overviewApi.overviewPath, s),
};
