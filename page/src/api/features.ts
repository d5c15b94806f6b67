// Features that were served, and recomputed.
import { get, own } from "./fetch";

export interface FeatureSpread {
  missing_rate: number;
  p10: number | null;
  p50: number | null;
  p90: number | null;
}

type Cell = number | string | null;

export interface SkewedFeature {
  endpoint: string;
  feature: string;
  version: string;
  current: boolean;
  compared: number;
  different: number;
  rate: number | null;
  rate_low: number;
  rate_high: number;
  reason: string | null;
  detail: string | null;
  first: { request: string; event_time: string; served: Cell; recomputed: Cell } | null;
  last_served: FeatureSpread | null;
  last_recomputed: FeatureSpread | null;
}

export interface Skew {
  features: SkewedFeature[];
  failures: { endpoint: string; why: string }[];
  looked_until: string | null;
}

export interface FeatureViewFacts {
  name: string;
  source: string;
  keys: string[];
  features: string[]; // as they are served: VIEW__COLUMN
  outputs: { name: string; type: string }[];
  newest: string | null;
  age_seconds: number | null;
  owner: string;
  description: string;
}

export interface ExplainedFeature {
  feature: string;
  served: Cell;
  recomputed: Cell;
  same: boolean | null; // null: a value it was computed from is missing
  rows_in_window: number;
  rows: { event_time: string | null; arrival_time: string | null; value: Cell; known: boolean }[];
  reasons: { reason: string; detail: string }[];
}

export interface ExplainedRequest {
  request: string;
  event_time: string;
  asked: Record<string, Cell>;
  features: ExplainedFeature[];
}

export interface FeatureDefinitions {
  sources: { name: string; dataset: string }[];
  views: FeatureViewFacts[];
  services: { name: string; version: number; request: { name: string }[]; outputs: { name: string }[] }[];
}

export const featuresApi = {
  skewPath: (endpoint: string) => `${own("features", "skew")}?endpoint=${encodeURIComponent(endpoint)}`,
  skew: (endpoint: string, s?: AbortSignal) => get<Skew>(featuresApi.skewPath(endpoint), s),
  explainPath: (endpoint: string, request: string, feature: string) => `${own("features", "explain")}?${new URLSearchParams({ endpoint, request, feature })}`,
  explain: (endpoint: string, request: string, feature: string, s?: AbortSignal) => get<ExplainedRequest>(featuresApi.explainPath(endpoint, request, feature), s),
  featuresPath: own("features"),
  features: (s?: AbortSignal) => get<FeatureDefinitions>(featuresApi.featuresPath, s),
};
