// Drills: which faults somebody would notice.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type SuggestedAlert = Schemas["SuggestedAlert"];
export type DrillVerdict = Schemas["DrillVerdict"];
export type DrillReport = Schemas["DrillReport"];
export type DrillSummary = Schemas["DrillSummary"];

export type KeptDrill = Schemas["KeptDrill"];

export const drillsApi = {
  drillsPath: (endpoint: string) => own("endpoints", endpoint, "drills"),
  drills: async (endpoint: string, s?: AbortSignal) => (await get<Schemas["Drills"]>(drillsApi.drillsPath(endpoint), s)).drills,
  drillPath: (endpoint: string, id: number) => own("endpoints", endpoint, "drills", String(id)),
  drill: (endpoint: string, id: number, s?: AbortSignal) => get<KeptDrill>(drillsApi.drillPath(endpoint, id), s),
};
