// Alerts, their rules, and what keeps them quiet.
import { get, own, post } from "./fetch";
import type { FeatureDrift, WindowKind } from "./monitors";
import type { Schemas } from "./schemas";

export interface AlertRule {
  metric: string;
  slice?: string;
  window: WindowKind;
  over?: number;
  under?: number;
  abs_over?: number;
  unusual?: "high" | "low" | "both";
  action?: string | string[];
  severity?: string;
  route?: string | string[];
}

// What false pages the alerts without thresholds may give, and all rules are expected to.
export interface AlarmBudget {
  declared: boolean;
  budget: { false_pages: number; per: string };
  false_pages: number;
  false_pages_of_thresholds: number;
}

export type AlertRoute = Schemas["AlertRoute"];

// What keeps alerts quiet.
export type Quiet = Schemas["Quiet"];

export interface Action {
  id: number;
  kind: string;
  does: "pipeline" | "hold" | "rollback" | "fallback" | "incident";
  pipeline: string;
  state: "starting" | "started" | "done" | "refused" | "failed" | "skipped";
  reason: string;
  time: string;
  run_id: string | null;
  revision: number | null; // that it has written
  incident: number | null; // that it has opened or joined
  finished: string | null;
}

export interface Alert {
  id: number;
  time: string;
  monitor: string;
  endpoint: string;
  alert: string;
  metric: string;
  value: number;
  threshold: number;
  why: string; // of an alert without a threshold, a sentence
  window: WindowKind;
  window_start: string;
  window_end: string;
  windows: number;
  last_value: number;
  state: "open" | "resolved";
  resolved: string | null;
  severity: string;
  silenced: string | null; // by what, in words
  acknowledged: { by: string; comment: string; time: string } | null;
  causes: (FeatureDrift & { how: string; request_id?: string })[]; // request_id: the one that a detector found a change with
  action: Action | null;
  actions: Action[];
}

export const alertsApi = {
  openAlerts: async (s?: AbortSignal) => (await get<{ alerts: Alert[] }>(`${own("alerts")}?state=open`, s)).alerts,
  alarmBudget: (s?: AbortSignal) => get<AlarmBudget>(own("alarm-budget"), s),
  routesPath: own("routes"),
  routes: async (s?: AbortSignal) => (await get<Schemas["AlertRoutes"]>(alertsApi.routesPath, s)).routes,
  quietPath: own("silences"),
  quiet: (s?: AbortSignal) => get<Quiet>(alertsApi.quietPath, s),
  alertsPath: (endpoint: string) => `${own("alerts")}?endpoint=${encodeURIComponent(endpoint)}`,
  alerts: async (endpoint: string, s?: AbortSignal) => (await get<{ alerts: Alert[] }>(alertsApi.alertsPath(endpoint), s)).alerts,
  acknowledge: (alert: number, comment: string, actor: string) =>
    post<Alert>(own("alerts", String(alert), "acknowledge"), { comment, actor }),
  silence: (match: string[], length: string, comment: string, actor: string) =>
    post<Schemas["Silence"]>(own("silences"), { match, for: length, comment, actor } satisfies Schemas["SilenceDraft"]),
};
