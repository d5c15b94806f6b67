// What an event says, in words. Pure functions.
import type { Event } from "../api";
import { number, readable } from "./format";

type Value = unknown;
type Facts = Record<string, Value>;

const kListed = 5; // of a list; the others are counted
const kWordsMax = 180;
const kDigest = /\b[0-9a-f]{24,}\b/g; // nobody reads one to its end
const kDigestShown = 12;

const isFacts = (value: Value): value is Facts => typeof value === "object" && value !== null && !Array.isArray(value);
const isNothing = (value: Value) => value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0) || (isFacts(value) && Object.keys(value).length === 0);
const named = (key: string) => key.replaceAll("_", " ");

function listWords(list: Value[]): string {
  const shown = list.slice(0, kListed).map((one) => (isFacts(one) ? `(${factsWords(one)})` : valueWords(one)));
  return [...shown, ...(list.length > kListed ? [`${list.length - kListed} more`] : [])].join(", ");
}

function valueWords(value: Value): string {
  if (isNothing(value)) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  if (typeof value === "string") return readable(value).replace(kDigest, (digest) => `${digest.slice(0, kDigestShown)}…`);
  if (Array.isArray(value)) return listWords(value);
  return `(${factsWords(value as Facts)})`;
}

// Most names need no colon: "revision 3, reason: a bad day".
function factsWords(facts: Facts): string {
  return Object.entries(facts)
    .filter(([, value]) => !isNothing(value))
    .map(([key, value]) => `${named(key)}${typeof value === "number" ? "" : ":"} ${valueWords(value)}`)
    .join(", ");
}

const text = (facts: Facts, key: string) => (typeof facts[key] === "string" ? readable(facts[key]) : "");
const withReason = (words: string, facts: Facts) => (text(facts, "reason") ? `${words}; ${text(facts, "reason")}` : words);

const kSlots = 100; // of a percent

// "sale 2 answers 80 %, sale 3 answers 20 %".
function answering(variants: Value): string {
  if (!Array.isArray(variants)) return "";
  return variants
    .filter(isFacts)
    .filter(({ role }) => role === "live")
    .map(({ model, version, weight }) => `${valueWords(model)} ${valueWords(version)} answers${typeof weight === "number" && weight < 100 * kSlots ? ` ${number(weight / kSlots)} %` : ""}`)
    .join(", ");
}

function known(kind: string, facts: Facts): string {
  const moved = ["from", "to"].every((key) => key in facts) ? `from ${valueWords(facts["from"])} to ${valueWords(facts["to"])}` : "";
  if (kind === "alias.moved" && moved) return withReason(`${text(facts, "alias")} ${moved}`, facts);
  if (kind.startsWith("endpoint.") && typeof facts["revision"] === "number") {
    const who = answering(facts["variants"]);
    return withReason(`revision ${facts["revision"]}${who && `: ${who}`}`, facts);
  }
  if (kind === "alert.opened") return `${text(facts, "metric")} is ${valueWords(facts["value"])}${isNothing(facts["threshold"]) ? "" : `, threshold ${valueWords(facts["threshold"])}`}, in the ${text(facts, "window")} from ${text(facts, "window_start")}`;
  return "";
}

export function eventWords({ kind, payload }: Pick<Event, "kind" | "payload">): string {
  if (!isFacts(payload)) return isNothing(payload) ? "" : valueWords(payload);
  const words = known(kind, payload) || factsWords(payload);
  return words.length > kWordsMax ? `${words.slice(0, kWordsMax)}…` : words;
}
