// Drills: which faults somebody would notice.
import { get, own } from "./fetch";
import type { WindowKind } from "./monitors";
import type { Schemas } from "./schemas";

// An alert that would have noticed, with a threshold that no control reaches.
export interface SuggestedAlert {
  metric: string;
  window: WindowKind;
  over?: number;
  under?: number;
  min_rows: number;
  delay_seconds: number;
}

export interface DrillVerdict {
  fault: string;
  what: string;
  group: string;
  share: number;
  caught: boolean; // of a control: somebody cried wolf
  by: string | null;
  delay_seconds: number | null;
  harmed: number;
  action: string | null;
  action_right: boolean | null;
  cause_right: boolean | null;
  noticed: { monitor: string; alert: string; delay_seconds: number }[]; // alerts that fired because of it
  suggestion: SuggestedAlert | null; // for what was missed
  advice?: string | null; // likewise, where no alert would help
}

export interface DrillReport {
  endpoint: string;
  from: string;
  start: string;
  until: string;
  grade: string;
  caught: number;
  faults_played: number;
  false_pages: number;
  alerts_without_fault: number;
  sources_not_pushed: string[];
  not_made: string[];
  faults: DrillVerdict[];
  controls: DrillVerdict[];
}

export type DrillSummary = Schemas["DrillSummary"];

export interface KeptDrill {
  id: number;
  time: string;
  actor: string;
  report: DrillReport;
}

export const drillsApi = {
  drillsPath: (endpoint: string) => own("endpoints", endpoint, "drills"),
  drills: async (endpoint: string, s?: AbortSignal) => (await get<Schemas["Drills"]>(drillsApi.drillsPath(endpoint), s)).drills,
  drillPath: (endpoint: string, id: number) => own("endpoints", endpoint, "drills", String(id)),
  drill: (endpoint: string, id: number, s?: AbortSignal) => get<KeptDrill>(drillsApi.drillPath(endpoint, id), s),
};
