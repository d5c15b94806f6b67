// Monitors and the windows they have judged.
import type { AlertRule } from "./alerts";
import { get, own } from "./fetch";
import type { HealthWord } from "./overview";

export type WindowKind = "hour" | "day" | "week" | "month";

export interface FeatureDrift {
  feature: string;
  psi: number | null;
  jensen_shannon: number | null;
  ks: number | null;
  wasserstein: number | null;
  missing_rate: number | null;
  unseen_rate: number | null;
  method?: string; // windows judged by a server before methods had names have none
  score?: number | null;
  threshold?: number | null;
  drifted?: boolean;
}

// The inputs compared together, where the monitor asks for it.
export interface MultivariateDrift {
  method_title: string;
  score_is: string;
  score: number | null;
  low?: number | null;
  high?: number | null;
  drifted: boolean;
  causes: { column: string; share: number | null }[];
}

// A part of a window's rows: mean loss there and elsewhere.
export interface Slice {
  slice: string;
  rows: number;
  share: number;
  inside: number;
  outside: number;
  low: number | null;
  high: number | null;
  expected: number | null;
  before?: { rows: number; inside: number; outside: number };
}

export interface SliceReport {
  loss: "log_loss" | "absolute_error" | "wrong_share" | "";
  rows: number;
  mean: number | null;
  examined: number;
  found: Slice[];
}

export interface Attributions {
  rows: number;
  ndcg: number | null;
  inputs: { input: string; now: number | null; reference: number | null; rank: number; reference_rank: number }[];
}

// Of one judged window.
export interface WindowSlices {
  window: WindowKind;
  start: string;
  slices: SliceReport;
  declared_slices: { name: string; rows: number; labels: number; metrics: Record<string, number | null> }[];
  attributions: Attributions | null;
}

export interface Window {
  window: WindowKind;
  variant: string;
  role: "live" | "shadow";
  model_version: number;
  start: string;
  end: string;
  rows: number;
  labels: number;
  completeness: number | null;
  judged: boolean;
  metrics: Record<string, number | null>;
  intervals?: Record<string, [number | null, number | null]>; // 95 %
  confusion?: { classes: string[]; counts: number[][] }; // a row per label, a column per answer
  drift: FeatureDrift[];
  multivariate?: MultivariateDrift;
  note?: string; // why there is no drift, or not what was asked for
}

export type Problem = "binary" | "regression" | "multiclass" | "ranking";

// What an alert without a threshold said of a window.
export interface UsualBand {
  window_start: string;
  expected: number | null;
  low: number | null; // no bound on that side
  high: number | null;
}

export interface Monitor {
  name: string;
  endpoint: string;
  health: HealthWord;
  health_reason: string;
  open_alerts: number;
  definition: { problem: Problem; windows: WindowKind[]; time_zone: string; alerts: Record<string, AlertRule> };
}

export type VerdictWord = "fires" | "fine" | "not_judged";

// What each declared alert says of each window of a kind, oldest first; null: it waits for labels.
export interface Verdicts {
  monitor: string;
  endpoint: string;
  window: WindowKind;
  windows: { start: string; end: string; judged: boolean; rows: number; labels: number; model_version: number; inputs: number; inputs_drifted: number }[];
  alerts: { alert: string; watches: string; threshold: number | null; severity: string; verdicts: (VerdictWord | null)[]; values: (number | null)[] }[];
}

// Hours that are shown, as a year of them is no screen; and variants that each window may have.
const kHoursMost = 24 * 14, kVariants = 4;

export const monitorsApi = {
  monitorsPath: own("monitors"),
  monitors: async (s?: AbortSignal) => (await get<{ monitors: Monitor[] }>(monitorsApi.monitorsPath, s)).monitors,
  windowsPath: (monitor: string, window: WindowKind) => `${own("monitors", monitor, "windows")}?window=${window}${window === "hour" ? `&limit=${kHoursMost * kVariants}` : ""}`,
  windows: async (monitor: string, window: WindowKind, s?: AbortSignal) => (await get<{ windows: Window[] }>(monitorsApi.windowsPath(monitor, window), s)).windows,
  verdictsPath: (monitor: string, window: WindowKind) => `${own("monitors", monitor, "verdicts")}?window=${window}${window === "hour" ? `&limit=${kHoursMost}` : ""}`,
  verdicts: (monitor: string, window: WindowKind, s?: AbortSignal) => get<Verdicts>(monitorsApi.verdictsPath(monitor, window), s),
  slicesPath: (monitor: string, window: WindowKind, start: string) => `${own("monitors", monitor, "slices")}?${new URLSearchParams({ window, start })}`,
  slices: (monitor: string, window: WindowKind, start: string, s?: AbortSignal) =>
    get<WindowSlices>(monitorsApi.slicesPath(monitor, window, start), s),
  bands: async (monitor: string, alert: string, s?: AbortSignal) =>
    (await get<{ bands: UsualBand[] }>(own("monitors", monitor, "alerts", alert, "bands"), s)).bands,
};
