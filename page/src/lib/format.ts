// Numbers and times as people read them. Pure functions.

const kNothing = "–";

// Four significant digits; "–" when there is no number.
export function number(value: number | string | null | undefined): string {
  if (value === null || value === undefined) return kNothing;
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e6 || (size < 1e-4 && size > 0) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

// A parameter as it was written, but for digits that nobody reads: "0.13606759131" is "0.1361", "007" and "1.250" stay.
export function parameter(written: string): string {
  return /^[+-]?\d*\.\d{5,}(e[+-]?\d+)?$/i.test(written) ? number(Number(written)) : written;
}

// 0.9934 is "99.3 %"; shares close to all or nothing keep a digit that says so.
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return kNothing;
  const hundred = share * 100;
  return `${Number(hundred.toFixed(hundred < 1 || hundred > 99 ? 2 : 1))} %`;
}

const kMonths = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number) => String(value).padStart(2, "0");

// "13 Jun 2013, 10:00", in UTC.
export function time(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return kNothing;
  return `${day(at)}, ${clock(at)}`;
}

// A sentence of the server's, whose times are as machines write them, for people.
export const readable = (sentence: string) => sentence.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (at) => time(at));

const kDaysWithTimes = 2;

// One of the times of a chart, in seconds: with the time of day where they are close to each other.
export function moment(at: number, timeZone: string, all: number[]): string {
  const isShort = (all.at(-1) ?? at) - (all[0] ?? at) < kDaysWithTimes * 86_400;
  return new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", ...(isShort ? { timeStyle: "short" } : {}), timeZone }).format(at * 1000);
}

export function day(at: string | number): string {
  const date = new Date(at);
  return `${date.getUTCDate()} ${kMonths[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

// Where a window begins, as people say it.
export function begin(window: { window: string; start: string }): string {
  return window.window === "hour" ? `${day(window.start)}, ${clock(window.start)}` : day(window.start);
}

export function clock(at: string | number): string {
  const date = new Date(at);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

// "0 s", "4 ms", "1.5 s", "3 min 5 s", "2 h 4 min", "3 days 2 h".
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return kNothing;
  if (seconds === 0) return "0 s";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

// How old data is.
export const age = (seconds: number | null) => (seconds !== null && seconds < 0 ? "ahead of the clock" : duration(seconds));

// "0 B", "14 B", "1.5 kB", "40.2 MB".
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return kNothing;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  const size = Number((count / 1000 ** power).toFixed(power === 0 ? 0 : 1));
  return size === 1000 && power + 1 < units.length ? `1 ${units[power + 1]}` : `${size} ${units[power]}`;
}

// "just now", "5 min ago", "3 days ago".
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} days ago`;
}

export const plural = (count: number, noun: string) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

// "origin_weather.wind_speed" of "origin_weather__wind_speed".
export function featureName(feature: string): string {
  const { view, column } = featureParts(feature);
  return view ? `${view}.${column}` : column;
}

// "origin_weather__wind_speed" reads better in two parts.
export function featureParts(feature: string): { view: string; column: string } {
  const cut = feature.indexOf("__");
  return cut < 0 ? { view: "", column: feature } : { view: feature.slice(0, cut), column: feature.slice(cut + 2) };
}

// Whether a text has these words in it, in large or small letters.
export const has = (text: string, words: string) => text.toLowerCase().includes(words.trim().toLowerCase());
