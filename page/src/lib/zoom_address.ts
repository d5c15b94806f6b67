// In the address, which part of x charts show: `zoom=CHARTS:FROM/TO`, as times where they are over time. Pure functions.
import type { Range } from "./zoom";

const kKey = "zoom";
const kDigits = 6; // of steps: more than one sees

const written = (x: number, isTime: boolean) => (isTime ? new Date(Math.round(x) * 1000).toISOString().replace(".000Z", "Z") : String(Number(x.toPrecision(kDigits))));
const read = (text: string, isTime: boolean) => (text === "" ? NaN : isTime ? Date.parse(text) / 1000 : Number(text));

// Of these charts; undefined: all of x.
export function readZoom(query: URLSearchParams, charts: string, isTime: boolean): Range | undefined {
  const [from = "", to = ""] =
    query
      .getAll(kKey)
      .find((one) => one.startsWith(`${charts}:`))
      ?.slice(charts.length + 1)
      .split("/") ?? [];
  const range: Range = [read(from, isTime), read(to, isTime)];
  return range[0] < range[1] ? range : undefined;
}

export function withZoom(query: URLSearchParams, charts: string, isTime: boolean, range: Range | undefined): URLSearchParams {
  const next = new URLSearchParams(query);
  next.delete(kKey);
  for (const other of query.getAll(kKey)) if (!other.startsWith(`${charts}:`)) next.append(kKey, other);
  if (range) next.append(kKey, `${charts}:${written(range[0], isTime)}/${written(range[1], isTime)}`);
  return next;
}
