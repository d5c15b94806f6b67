// Alerts, their rules, and what keeps them quiet.
import { get, own, post } from "./fetch";
import type { FeatureDrift, WindowKind } from "./monitors";

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

export interface AlertRoute {
  name: string;
  kind: string;
  signed: boolean;
  waiting: number;
}

// What keeps alerts quiet.
export interface Quiet {
  silences: { id: number; state: string; match: string[]; starts: string; ends: string; by: string; comment: string }[];
  maintenance: { name: string; match: string[]; why: string; start?: string; end?: string; until: string | null }[];
}

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
  routes: async (s?: AbortSignal) => (await get<{ routes: AlertRoute[] }>(alertsApi.routesPath, s)).routes,
  quietPath: own("silences"),
  quiet: (s?: AbortSignal) => get<Quiet>(alertsApi.quietPath, s),
  alertsPath: (endpoint: string) => `${own("alerts")}?endpoint=${encodeURIComponent(endpoint)}`,
  alerts: async (endpoint: string, s?: AbortSignal) => (await get<{ alerts: Alert[] }>(alertsApi.alertsPath(endpoint), s)).alerts,
  acknowledge: (alert: number, comment: string, actor: string) =>
    post<Alert>(own("alerts", String(alert), "acknowledge"), { comment, actor }),
  silence: (match: string[], length: string, comment: string, actor: string) =>
    post<{ id: number }>(own("silences"), { match, for: length, comment, actor }),
};
