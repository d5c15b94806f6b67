// Alerts, their rules, and what keeps them quiet.
import { get, own, post } from "./fetch";
import type { Schemas } from "./schemas";

export type AlertRule = Schemas["AlertRule"];
export type AlarmBudget = Schemas["AlarmBudget"];
export type AlertRoute = Schemas["AlertRoute"];

// What keeps alerts quiet.
export type Quiet = Schemas["Quiet"];

export type Action = Schemas["AlertAction"];
export type Alert = Schemas["Alert"];

export const alertsApi = {
  openAlerts: async (s?: AbortSignal) => (await get<Schemas["Alerts"]>(`${own("alerts")}?state=open`, s)).alerts,
  alarmBudget: (s?: AbortSignal) => get<AlarmBudget>(own("alarm-budget"), s),
  routesPath: own("routes"),
  routes: async (s?: AbortSignal) => (await get<Schemas["AlertRoutes"]>(alertsApi.routesPath, s)).routes,
  quietPath: own("silences"),
  quiet: (s?: AbortSignal) => get<Quiet>(alertsApi.quietPath, s),
  alertsPath: (endpoint: string) => `${own("alerts")}?endpoint=${encodeURIComponent(endpoint)}`,
  alerts: async (endpoint: string, s?: AbortSignal) => (await get<Schemas["Alerts"]>(alertsApi.alertsPath(endpoint), s)).alerts,
  acknowledge: (alert: number, comment: string, actor: string) =>
    post<Alert>(own("alerts", String(alert), "acknowledge"), { comment, actor } satisfies Schemas["Acknowledgement"]),
  silence: (match: string[], length: string, comment: string, actor: string) =>
    post<Schemas["Silence"]>(own("silences"), { match, for: length, comment, actor } satisfies Schemas["SilenceDraft"]),
};
