// Incidents.
import { get, own, post } from "./fetch";
import type { Schemas } from "./schemas";

export type IncidentState = Schemas["Incident"]["state"];

export type Incident = Schemas["Incident"];
export type IncidentEntry = Schemas["IncidentEntry"];
export type Suspect = Schemas["Suspect"];
export type IncidentReport = Schemas["IncidentReport"];

export const incidentsApi = {
  incidentsPath: own("incidents"),
  incidents: async (s?: AbortSignal) => (await get<Schemas["Incidents"]>(incidentsApi.incidentsPath, s)).incidents,
  incidentPath: (id: string) => own("incidents", id),
  incident: (id: string, s?: AbortSignal) => get<IncidentReport>(incidentsApi.incidentPath(id), s),
  noteIncident: (id: number, text: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "notes"), { text, actor } satisfies Schemas["IncidentNote"]),
  assignIncident: (id: number, owner: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "assign"), { owner, actor } satisfies Schemas["IncidentOwner"]),
  setIncidentState: (id: number, state: IncidentState, reason: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "state"), { state, reason, actor } satisfies Schemas["IncidentMove"]),
  postMortemPath: (id: number) => own("incidents", String(id), "post-mortem"),
};
