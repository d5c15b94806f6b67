// Incidents.
import { get, own, post } from "./fetch";

export type IncidentState = "open" | "mitigated" | "resolved";

export interface Incident {
  id: number;
  endpoint: string;
  title: string;
  severity: string;
  state: IncidentState;
  owner: string;
  opened_by: string;
  opened: string;
  bad_since: string;
  mitigated: string | null;
  resolved: string | null;
}

export interface IncidentEntry {
  time: string;
  kind: "change" | "signal" | "action" | "people";
  event: string;
  subject: string;
  actor: string;
  words: string;
}

export interface Suspect extends IncidentEntry {
  score: number;
  why: string;
}

export interface IncidentReport extends Incident {
  detected: string;
  durations: { to_detect_seconds: number | null; to_act_seconds: number | null; to_recover_seconds: number | null };
  time_line: IncidentEntry[];
  suspects: Suspect[];
}

export const incidentsApi = {
  incidentsPath: own("incidents"),
  incidents: async (s?: AbortSignal) => (await get<{ incidents: Incident[] }>(incidentsApi.incidentsPath, s)).incidents,
  incidentPath: (id: string) => own("incidents", id),
  incident: (id: string, s?: AbortSignal) => get<IncidentReport>(incidentsApi.incidentPath(id), s),
  noteIncident: (id: number, text: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "notes"), { text, actor }),
  assignIncident: (id: number, owner: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "assign"), { owner, actor }),
  setIncidentState: (id: number, state: IncidentState, reason: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "state"), { state, reason, actor }),
  postMortemPath: (id: number) => own("incidents", String(id), "post-mortem"),
};
