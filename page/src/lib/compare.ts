// What several runs have that is different, and what goes with what. Pure functions.
import type { Metric, Run } from "../api";
import type { Table } from "./series";

export type Group = "parameter" | "metric" | "tag";

export interface Attribute {
  group: Group;
  name: string;
  values: (number | string | null)[]; // by run; null: the run has none
}

// Tags that each run has of its own, or that MLflow keeps for itself.
const isOwn = (tag: string) => tag.startsWith("mlflow.") || tag.startsWith("slipway.");

// All that runs say, by group and name. Parameters that are written as numbers are numbers.
export function attributes(runs: Run[]): Attribute[] {
  const read = (group: Group, of: (run: Run) => [string, number | string][]): Attribute[] => {
    const found = new Map<string, (number | string | null)[]>();
    runs.forEach((run, at) => {
      for (const [name, value] of of(run)) {
        let values = found.get(name);
        if (!values) found.set(name, (values = runs.map(() => null)));
        values[at] = value;
      }
    });
    return [...found].sort(([a], [b]) => a.localeCompare(b)).map(([name, values]) => ({ group, name, values }));
  };
  return [
    ...read("parameter", ({ data }) => (data.params ?? []).map(({ key, value }) => [key, asNumber(value)])),
    ...read("metric", ({ data }) => (data.metrics ?? []).map(({ key, value }) => [key, value])),
    ...read("tag", ({ data }) => (data.tags ?? []).filter(({ key }) => !isOwn(key)).map(({ key, value }) => [key, value])),
  ];
}

const asNumber = (text: string) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : text);

export const isDifferent = ({ values }: Attribute) => new Set(values).size > 1;

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

// One upright line of parallel coordinates: where each run's value lies between 0, below, and 1; null where it has none.
export interface Axis {
  of: Attribute;
  places: (number | null)[];
  ends: [string, string]; // below, above
  ticks: { text: string; place: number }[]; // of texts
}

const kRatioOfLogarithm = 1000; // from that ratio on a learning rate's steps would lie on each other

export function axis(of: Attribute, told: (value: number) => string): Axis {
  const present = of.values.filter((value) => value !== null);
  if (present.every(isNumber)) {
    const [low, high] = [Math.min(...present), Math.max(...present)];
    const scale = low > 0 && high / low >= kRatioOfLogarithm ? Math.log : (value: number) => value;
    const place = (value: number) => (high > low ? (scale(value) - scale(low)) / (scale(high) - scale(low)) : 0.5);
    return { of, places: of.values.map((value) => (isNumber(value) ? place(value) : null)), ends: [told(low), told(high)], ticks: [] };
  }
  const texts = [...new Set(present.map(String))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const place = (text: string) => (texts.length > 1 ? texts.indexOf(text) / (texts.length - 1) : 0.5);
  const ticks = texts.map((text) => ({ text, place: place(text) }));
  return { of, places: of.values.map((value) => (value === null ? null : place(String(value)))), ends: ["", ""], ticks };
}

// Ranks from 1; of equal values their mean.
export function ranks(values: number[]): number[] {
  const order = values.map((_, at) => at).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const out = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1] ?? 0] === values[order[from] ?? 0]) ++to;
    for (let at = from; at <= to; ++at) out[order[at] ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return out;
}

function correlation(a: number[], b: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((value, at) => {
    const [da, db] = [value - ma, (b[at] ?? 0) - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  });
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

export interface Importance {
  name: string;
  strength: number; // from 0 to 1
  direction: "more" | "less" | "mixed"; // of the metric, the higher the parameter; mixed: it is no number
  runs: number; // that have both
}

export const kRunsForImportance = 5;

// How much of a metric's ranks each parameter tells: of numbers Spearman's correlation without its sign, of texts the
// correlation ratio eta (the square root of the share of the ranks' variance that lies between the texts' means).
export function importance(parameters: Attribute[], metric: Attribute): Importance[] {
  const found = parameters.flatMap(({ name, values }): Importance[] => {
    const both = values.flatMap((value, at) => {
      const score = metric.values[at];
      return value !== null && isNumber(score) ? [{ value, score }] : [];
    });
    if (both.length < kRunsForImportance || new Set(both.map(({ value }) => value)).size < 2) return [];
    const scores = ranks(both.map(({ score }) => score));
    const numbers = both.map(({ value }) => value).filter(isNumber);
    if (numbers.length === both.length) {
      const of = correlation(ranks(numbers), scores);
      return [{ name, strength: Math.abs(of), direction: of < 0 ? "less" : "more", runs: both.length }];
    }
    return [{ name, strength: ratio(both.map(({ value }) => String(value)), scores), direction: "mixed", runs: both.length }];
  });
  return found.sort((a, b) => b.strength - a.strength || a.name.localeCompare(b.name));
}

function ratio(texts: string[], scores: number[]): number {
  const mean = scores.reduce((sum, value) => sum + value, 0) / scores.length;
  const groups = new Map<string, number[]>();
  texts.forEach((text, at) => groups.set(text, [...(groups.get(text) ?? []), scores[at] ?? 0]));
  let between = 0;
  for (const group of groups.values()) between += group.length * (group.reduce((sum, value) => sum + value, 0) / group.length - mean) ** 2;
  const all = scores.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return all > 0 ? Math.sqrt(between / all) : 0;
}

// The curves of one metric over each other, by the steps that any run has.
export function overlay(histories: Metric[][], labels: string[], colours: string[]): Table {
  const x = [...new Set(histories.flat().map(({ step }) => step))].sort((a, b) => a - b);
  const at = new Map(x.map((step, index) => [step, index]));
  const series = histories.map((points, run) => {
    const values = new Array<number | null>(x.length).fill(null);
    for (const { step, value } of points) values[at.get(step) ?? 0] = isNumber(value) ? value : null;
    return { label: labels[run] ?? "", kind: "other" as const, values, colour: colours[run] ?? "", isDashed: run >= kColours.length };
  });
  return { x, series: series.filter(({ values }) => values.some((value) => value !== null)) };
}

// Okabe and Ito's colours, that people who see fewer colours tell apart too; lines beyond them are dashed.
export const kColours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#868e96"];
export const colourOf = (run: number) => kColours[run % kColours.length] ?? "#868e96";
