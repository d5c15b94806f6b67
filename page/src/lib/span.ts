// What time a screen shows, in its address: `last=day`, or `from` and `until` as RFC 3339 has times. Pure functions.

export const kLastSeconds = { hour: 3600, day: 86_400, week: 7 * 86_400, month: 30 * 86_400 } as const;
export type Last = keyof typeof kLastSeconds;

// from <= time < until; what is missing is open.
export interface Span {
  from?: string;
  until?: string;
}

// As the address has it; empty: not chosen.
export interface SpanChoice {
  last: Last | "";
  from: string;
  until: string;
}

export const kSpanKeys = ["last", "from", "until"] as const;
const kMostDays = 3649; // of a span that has to be closed

export function readSpan(query: URLSearchParams): SpanChoice {
  const asked = query.get("last") ?? "";
  const last = Object.hasOwn(kLastSeconds, asked) ? (asked as Last) : "";
  return last ? { last, from: "", until: "" } : { last, from: query.get("from") ?? "", until: query.get("until") ?? "" };
}

export const isChosen = ({ last, from, until }: SpanChoice) => Boolean(last || from || until);

const written = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");

// `now` in milliseconds, of the clock that the screen goes by.
export function spanOf({ last, from, until }: SpanChoice, now: number): Span {
  if (last) return { from: written(now - kLastSeconds[last] * 1000) };
  return { ...(from && { from }), ...(until && { until }) };
}

// With both ends: up to now, from as far back as anything is kept.
export function closedSpan(choice: SpanChoice, now: number): Required<Span> {
  const { from, until = written(now) } = spanOf(choice, now);
  return { from: from ?? written(Date.parse(until) - kMostDays * 86_400_000), until };
}

export const isIn = ({ from, until }: Span, time: string) => !(from && Date.parse(time) < Date.parse(from)) && !(until && Date.parse(time) >= Date.parse(until));

// The same from so much earlier on: with what begins before the span and reaches into it.
export const reaching = (span: Span, seconds: number): Span => (span.from && Number.isFinite(Date.parse(span.from)) ? { ...span, from: written(Date.parse(span.from) - seconds * 1000 + 1) } : span);

// In a field for dates and times, which has no zone: it is UTC's. Empty for what is no time.
export const typedOf = (time: string) => (Number.isFinite(Date.parse(time)) ? new Date(time).toISOString().replace(/(:00)?(\.000)?Z$/, "") : "");
export const timeOf = (typed: string) => (typed && `${typed}${/T\d\d:\d\d$/.test(typed) ? ":00" : ""}Z`);

// "minute", "15 minutes", "day".
export function stepName(seconds: number): string {
  const units: [number, string][] = [[86_400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, "second"];
  return seconds === size ? unit : `${seconds / size} ${unit}s`;
}
