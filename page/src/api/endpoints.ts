// Endpoints: who answers, their ledger, and asking them.
import { get, own, post } from "./fetch";
import type { Phase } from "./overview";

export interface Variant {
  name: string;
  role: "live" | "shadow";
  model: string;
  version: number;
  uri: string;
  weight: number; // of 10000
}

export interface Revision {
  endpoint: string;
  number: number;
  kind: string;
  variants: Variant[];
  features: string;
  output: string;
  actor: string;
  reason: string;
  time: string;
  arrival_time: string;
  previous: number | null;
  restores: number | null;
}

export interface Rollout {
  phase: Phase;
  held: boolean;
  held_reason: string;
  percent?: number;
  proposal?: { model: string; version: number; takes_over_at: string; reason: string };
  canary?: { model: string; version: number; step: number; step_since: string; next_check: string; waits_for?: string };
}

export interface Endpoint {
  name: string;
  definition: { model: string; features?: string; output?: string; release?: Partial<ReleasePolicy> };
  rollout: Rollout;
  revision: Revision | null;
  previous: number | null;
  last_good: number | null;
}

// In the Open Inference Protocol's words.
export interface InferenceInput {
  name: string;
  datatype: string;
  shape: number[]; // -1: rows
}

export interface InferenceReply {
  model_version?: string;
  id?: string;
  outputs: { name: string; data: (number | string | boolean | null)[] }[];
}

export interface InferenceStats {
  version: string;
  inference_stats: Record<"success" | "fail", { count: number; ns: number }>; // since the server's start
}

export interface Rollback {
  revision: number;
  seconds: number;
  entry: Revision;
}

export interface ReleasePolicy {
  steps?: number[];
  hold?: string;
  guard: { error_rate?: number; latency_ms_p99?: number; calibration_bias?: number; quality?: { metric: string; worse_by: number }; min_requests: number; min_labels: number };
}

export interface LoggedRequest {
  request: { event_time: string; revision: number; variants: { role: "live" | "shadow"; variant: string; prediction: number | string | null }[] };
  labels: { value: number | string | null; arrival_time: string }[];
}

// What must hold for an input's values.
export interface InputRule {
  type?: string;
  min?: number;
  max?: number;
  in?: string[];
  required?: boolean;
  on_violation?: OnViolation;
}

export type OnViolation = "reject" | "quarantine" | "flag";

export interface InputViolation {
  column: string;
  rule: string;
  on_violation: OnViolation;
  values: number;
  last: { request_id: string; time: string; value: string }[]; // the newest first; "": missing
}

// Counts are since the server's start.
export interface EndpointInputs {
  on_violation: OnViolation;
  columns: Record<string, InputRule>;
  rows: { rejected: number; quarantined: number; flagged: number };
  violations: InputViolation[];
}

export const endpointsApi = {
  endpointsPath: own("endpoints"),
  endpoints: async (s?: AbortSignal) => (await get<{ endpoints: Endpoint[] }>(endpointsApi.endpointsPath, s)).endpoints,
  endpoint: (name: string, s?: AbortSignal) => get<Endpoint>(own("endpoints", name), s),
  revisionsPath: (name: string) => own("endpoints", name, "revisions"),
  revisions: async (name: string, s?: AbortSignal) => (await get<{ revisions: Revision[] }>(endpointsApi.revisionsPath(name), s)).revisions,
  inferPath: (name: string) => `/v2/models/${encodeURIComponent(name)}/infer`,
  infer: (name: string, request: object) => post<InferenceReply>(endpointsApi.inferPath(name), request),
  signature: (name: string, s?: AbortSignal) => get<{ inputs: InferenceInput[] }>(`/v2/models/${encodeURIComponent(name)}`, s),
  inferenceStatsPath: (name: string) => `/v2/models/${encodeURIComponent(name)}/stats`,
  inferenceStats: async (name: string, s?: AbortSignal) => (await get<{ model_stats: InferenceStats[] }>(endpointsApi.inferenceStatsPath(name), s)).model_stats,
  endpointInputsPath: (name: string) => own("endpoints", name, "inputs"),
  endpointInputs: (name: string, s?: AbortSignal) => get<EndpointInputs>(endpointsApi.endpointInputsPath(name), s),
  rollBack: (name: string, reason: string, actor: string) =>
    post<Rollback>(own("endpoints", name, "rollback"), { reason, actor }),
  follow: (name: string, reason: string, actor: string) =>
    post<{ revision: number }>(own("endpoints", name, "follow"), { reason, actor }),
  request: (endpoint: string, id: string, s?: AbortSignal) => get<LoggedRequest>(own("endpoints", endpoint, "requests", id), s),
  revisionOf: async (endpoint: string, number: number, s?: AbortSignal) =>
    (await get<{ revisions: Revision[] }>(`${own("endpoints", endpoint, "revisions")}?limit=1&before=${number + 1}`, s)).revisions[0],
};
