// Endpoints: who answers, their ledger, and asking them.
import type { Span } from "../lib/span";
import { get, own, post } from "./fetch";
import type { Schemas } from "./schemas";

export type Variant = Schemas["Variant"];
export type Revision = Schemas["Revision"];
export type Rollout = Schemas["Rollout"];
export type Endpoint = Schemas["Endpoint"];
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

// How an endpoint has answered in a minute of the wall clock.
export type Minute = Schemas["EndpointTraffic"]["minutes"][number];
// How it was asked over any time, step by step, as logged.
export type TrafficHistory = Schemas["TrafficHistory"];
export type Rollback = Schemas["Rollback"];
export type ReleasePolicy = Schemas["ReleasePolicy"];
export type LoggedRequest = Schemas["LoggedRequest"];
export type InputRule = Schemas["InputRule"];
export type OnViolation = Schemas["OnViolation"];
export type InputViolation = Schemas["InputViolation"];
export type EndpointInputs = Schemas["EndpointInputs"];

const kHistoryMs = 60_000; // that reading a log may take

export const endpointsApi = {
  endpointsPath: own("endpoints"),
  endpoints: async (s?: AbortSignal) => (await get<Schemas["Endpoints"]>(endpointsApi.endpointsPath, s)).endpoints,
  endpoint: (name: string, s?: AbortSignal) => get<Endpoint>(own("endpoints", name), s),
  revisionsPath: (name: string) => own("endpoints", name, "revisions"),
  revisions: async (name: string, s?: AbortSignal) => (await get<Schemas["Revisions"]>(endpointsApi.revisionsPath(name), s)).revisions,
  inferPath: (name: string) => `/v2/models/${encodeURIComponent(name)}/infer`,
  infer: (name: string, request: object) => post<InferenceReply>(endpointsApi.inferPath(name), request),
  signature: (name: string, s?: AbortSignal) => get<{ inputs: InferenceInput[] }>(`/v2/models/${encodeURIComponent(name)}`, s),
  trafficPath: (name: string) => own("endpoints", name, "traffic"),
  traffic: async (name: string, s?: AbortSignal) => (await get<Schemas["EndpointTraffic"]>(endpointsApi.trafficPath(name), s)).minutes,
  trafficHistoryPath: (name: string, { from, until }: Required<Span>) => `${own("endpoints", name, "traffic-history")}?${new URLSearchParams({ from, until })}`,
  trafficHistory: (name: string, span: Required<Span>, s?: AbortSignal) => get<TrafficHistory>(endpointsApi.trafficHistoryPath(name, span), s, kHistoryMs),
  endpointInputsPath: (name: string) => own("endpoints", name, "inputs"),
  endpointInputs: (name: string, s?: AbortSignal) => get<EndpointInputs>(endpointsApi.endpointInputsPath(name), s),
  rollBack: (name: string, reason: string, actor: string) =>
    post<Rollback>(own("endpoints", name, "rollback"), { reason, actor } satisfies Schemas["Deed"]),
  follow: (name: string, reason: string, actor: string) =>
    post<Schemas["RevisionNumber"]>(own("endpoints", name, "follow"), { reason, actor } satisfies Schemas["Deed"]),
  requestPath: (endpoint: string, id: string) => own("endpoints", endpoint, "requests", id),
  request: (endpoint: string, id: string, s?: AbortSignal) => get<LoggedRequest>(endpointsApi.requestPath(endpoint, id), s),
  revisionOf: async (endpoint: string, number: number, s?: AbortSignal) =>
    (await get<Schemas["Revisions"]>(`${own("endpoints", endpoint, "revisions")}?limit=1&before=${number + 1}`, s)).revisions[0],
};
