// The record of changes.
import { get, own } from "./fetch";

// A change, as the record has it.
export interface Event {
  sequence: number;
  event_time: string; // when it happened, by the project's clock
  arrival_time: string; // when it was written
  actor: string;
  kind: string;
  subject: string;
  payload: unknown;
}

// As the query has it.
export type EventFilter = Partial<Record<"actor" | "kind" | "subject" | "from" | "until" | "before" | "limit", string>>;

const kVerifyMs = 600_000;

export const eventsApi = {
  eventsPath: (filter: EventFilter) => `${own("events")}?${new URLSearchParams({ order: "newest", ...filter })}`,
  events: async (filter: EventFilter, s?: AbortSignal) => (await get<{ events: Event[] }>(eventsApi.eventsPath(filter), s)).events,
  // All of the record is read.
  verifyEvents: () => get<{ events: number; sealed: number; head: string }>(own("events", "verify"), undefined, kVerifyMs),
};
