// What an entry of an incident's time line names, as links. Pure functions.
import type { IncidentEntry } from "../api";

export interface Part {
  text: string;
  to?: string; // its screen
}

const path = (...parts: string[]) => "/" + parts.map(encodeURIComponent).join("/");
const query = (of: Record<string, string | undefined>) => `?${new URLSearchParams(Object.entries(of).filter((one): one is [string, string] => one[1] !== undefined))}`;

type Link = [words: RegExp, to: (found: RegExpMatchArray) => string];

function linksOf({ event, subject, words }: Pick<IncidentEntry, "event" | "subject" | "words">, endpoint: string): Link[] {
  const [noun = "", name = "", version] = subject.split("/");
  const monitoring = path("endpoints", endpoint, "monitoring");
  const monitor = noun === "monitors" ? name : undefined;
  const links: Link[] = [[/models:\/([^/\s]+)\/(\d+)/g, ([, model = "", of]) => path("models", model) + query({ version: of })]];
  if (event.startsWith("endpoint.")) {
    links.push([/revision (\d+)/g, ([, revision]) => path("endpoints", endpoint) + query({ revision })]);
    links.push([/(?<=[:,] )(\S+) (\d+)(?= answers)/g, ([, model = "", of]) => path("models", model) + query({ version: of })]);
  } else if (event === "alias.moved") {
    links.push([/(?<= of )\S+(?= moved)/g, () => path("models", name)]);
    links.push([/(?<=(?:from|to) )\d+/g, ([of]) => path("models", name) + query({ version: of })]);
  } else if (event === "model_version.created") {
    links.push([/(?<=^version )(\S+?)(?:\/(\d+))?(?= was)/g, ([, model = "", of]) => path("models", model) + (of ? query({ version: of }) : "")]);
  } else if (event.startsWith("dataset.") && name) {
    links.push([new RegExp(`(?<![\\w.-])${name.replace(/[^\w]/g, "\\$&")}(?:/\\d+)?(?![\\w-])`, "g"), () => path("datasets", name) + (version ? query({ to: version }) : "")]);
  } else if (event === "input.moved") {
    const feature = /^input (\S+) moved/.exec(words)?.[1];
    links.push([/(hour|day|week|month) from (\S+Z)/g, ([, window, at]) => monitoring + query({ window, at, feature })]);
    links.push([/(?<=^input )\S+/g, () => monitoring + query({ feature })]);
  } else if (event.startsWith("alert.")) {
    links.push([/(hour|day|week|month) from (\S+Z)/g, ([, window, at]) => monitoring + query({ monitor, window, at })]);
    links.push([/(?<=^alert )\S+/g, () => monitoring + query({ monitor })]);
  } else if (event.startsWith("action.")) {
    links.push([/(?<=\(run )[^)\s]+/g, ([run = ""]) => path("pipeline-runs", run)]);
  } else if (event === "features.materialized") {
    links.push([/^features/g, () => "/features"]);
  } else if (event.startsWith("monitor.")) {
    links.push([/(?<=^monitor )\S+/g, () => monitoring + query({ monitor })]);
  }
  return links;
}

// The sentence, in order.
export function linked(entry: Pick<IncidentEntry, "event" | "subject" | "words">, endpoint: string): Part[] {
  const found = linksOf(entry, endpoint)
    .flatMap(([words, to]) => [...entry.words.matchAll(words)].map((one) => ({ from: one.index, end: one.index + one[0].length, to: to(one) })))
    .sort((a, b) => a.from - b.from);
  const parts: Part[] = [];
  let at = 0;
  for (const { from, end, to } of found) {
    if (from < at) continue;
    if (from > at) parts.push({ text: entry.words.slice(at, from) });
    parts.push({ text: entry.words.slice(from, end), to });
    at = end;
  }
  if (at < entry.words.length) parts.push({ text: entry.words.slice(at) });
  return parts;
}
