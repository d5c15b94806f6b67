// The record of changes.
import type { Change } from "../lib/news";
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

// A change, as the record has it.
export type Event = Schemas["Event"];

// As the query has it.
export type EventFilter = Partial<Record<"actor" | "kind" | "subject" | "from" | "until" | "before" | "limit", string>>;

// What a server pushes about all that changes.
export interface NewsReader {
  begin: (missed: boolean) => void; // listening begins, or goes on; something may have been missed
  changes: (changes: Change[], last: string) => void; // `last`: to go on behind it
  lost: () => void; // the browser comes back by itself
  refused: () => void; // it does not
}

const kVerifyMs = 600_000;

export const eventsApi = {
  eventsPath: (filter: EventFilter) => `${own("events")}?${new URLSearchParams({ order: "newest", ...filter })}`,
  events: async (filter: EventFilter, s?: AbortSignal) => (await get<Schemas["Events"]>(eventsApi.eventsPath(filter), s)).events,
  // All of the record is read.
  verifyEvents: () => get<Schemas["Verified"]>(own("events", "verify"), undefined, kVerifyMs),
  // From now on, or behind what was heard last. Returns what ends it.
  listen: (after: string, reader: NewsReader): (() => void) => {
    const source = new EventSource(`${own("events", "stream")}${after && `?${new URLSearchParams({ after })}`}`);
    source.addEventListener("begin", ({ data, lastEventId }: MessageEvent<string>) => {
      reader.changes([], lastEventId);
      reader.begin((JSON.parse(data) as { missed: boolean }).missed);
    });
    source.addEventListener("changes", ({ data, lastEventId }: MessageEvent<string>) => reader.changes((JSON.parse(data) as { changes: Change[] }).changes, lastEventId));
    source.onerror = () => (source.readyState === EventSource.CLOSED ? reader.refused() : reader.lost());
    return () => source.close();
  },
};
