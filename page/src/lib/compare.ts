// What several runs have that is different, and what goes with what. Pure functions.
import type { Metric, Run } from "../api";
import { across, type Axis as Across, firstOf, type Table } from "./series";

export const kRunsCompared = 100; // at most: of so many runs one request has the points

export type Group = "parameter" | "metric" | "tag";

export interface Attribute {
  group: Group;
  name: string;
  values: (number | string | null)[]; // by run; null: the run has none
}

// Tags that each run has of its own, or that MLflow keeps for itself.
const isOwn = (tag: string) => tag.startsWith("mlflow.") || tag.startsWith("slipway.");

// All that runs say, by group and name. Parameters stay as they were written: "007" is not "7".
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
    ...read("parameter", ({ data }) => (data.params ?? []).map(({ key, value }) => [key, value])),
    ...read("metric", ({ data }) => (data.metrics ?? []).map(({ key, value }) => [key, value])),
    ...read("tag", ({ data }) => (data.tags ?? []).filter(({ key }) => !isOwn(key)).map(({ key, value }) => [key, value])),
  ];
}

const kInfinity = 1.79e308; // what MLflow keeps of an infinite metric is beyond

// What a value counts as; null where it is no number, or none that has a place on an axis.
export function asNumber(value: number | string | null): number | null {
  const isWritten = typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim());
  const number = isWritten ? Number(value) : value;
  return typeof number === "number" && Math.abs(number) < kInfinity ? number : null;
}

// The metric that runs are looked at by: the one that is asked for, else the first by name of those that most of them have.
export function lookedAt(metrics: Attribute[], asked: string | null): Attribute | undefined {
  const runs = ({ values }: Attribute) => values.filter((value) => value !== null).length;
  return metrics.find(({ name }) => name === asked) ?? metrics.reduce<Attribute | undefined>((best, one) => (best && runs(best) >= runs(one) ? best : one), undefined);
}

export const isDifferent = ({ values }: Attribute) => new Set(values).size > 1;

const isNumber = (value: number | null): value is number => value !== null;

// One upright line of parallel coordinates: where each run's value lies between 0, below, and 1; null where it has none.
export interface Axis {
  of: Attribute;
  places: (number | null)[];
  ends: [string, string]; // below, above
  ticks: { text: string; place: number }[]; // of texts
  isLogarithmic: boolean;
  told: (place: number) => string; // what lies there
}

const kRatioOfLogarithm = 100; // from that ratio on a learning rate's steps would lie on each other

// An axis of numbers where most values are; what is none has no place on it.
export function axis(of: Attribute, told: (value: number) => string): Axis {
  const numbers = of.values.map(asNumber);
  const finite = numbers.filter(isNumber);
  const present = of.values.filter((value) => value !== null);
  if (of.group === "metric" || 2 * finite.length > present.length) {
    if (finite.length === 0) return { of, places: numbers, ends: ["", ""], ticks: [], isLogarithmic: false, told: () => "" };
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    const isLogarithmic = low > 0 && high / low >= kRatioOfLogarithm;
    const scale = isLogarithmic ? Math.log : (value: number) => value;
    const place = (value: number) => (high > low ? (scale(value) - scale(low)) / (scale(high) - scale(low)) : 0.5);
    const valueAt = (at: number) => (isLogarithmic ? low * (high / low) ** at : low + at * (high - low));
    return { of, places: numbers.map((value) => (value === null ? null : place(value))), ends: [told(low), told(high)], ticks: [], isLogarithmic, told: (at) => told(valueAt(at)) };
  }
  const texts = [...new Set(present.map(String))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const place = (text: string) => (texts.length > 1 ? texts.indexOf(text) / (texts.length - 1) : 0.5);
  const ticks = texts.map((text) => ({ text, place: place(text) }));
  return { of, places: of.values.map((value) => (value === null ? null : place(String(value)))), ends: [texts[0] ?? "", texts.at(-1) ?? ""], ticks, isLogarithmic: false, told: (at) => texts[Math.round(at * (texts.length - 1))] ?? "" };
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
// correlation ratio eta (the square root of the share of the ranks' variance that lies between the texts' means). A text
// that is another one in most runs tells all of them apart, and nothing: it is left out.
export function importance(parameters: Attribute[], metric: Attribute): Importance[] {
  const found = parameters.flatMap(({ name, values }): Importance[] => {
    const both = values.flatMap((value, at) => {
      const score = asNumber(metric.values[at] ?? null);
      return value !== null && score !== null ? [{ value, score }] : [];
    });
    const different = new Set(both.map(({ value }) => value)).size;
    if (both.length < kRunsForImportance || different < 2) return [];
    const scores = ranks(both.map(({ score }) => score));
    const numbers = both.map(({ value }) => asNumber(value)).filter(isNumber);
    if (numbers.length === both.length) {
      const of = correlation(ranks(numbers), scores);
      return [{ name, strength: Math.abs(of), direction: of < 0 ? "less" : "more", runs: both.length }];
    }
    if (2 * different > both.length) return [];
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

// The curves of one metric over each other, by the steps that any run has; by seconds since each run's first point where
// nobody counted steps.
export function overlay(histories: Metric[][], labels: string[], colours: string[], asked: "step" | "time" | "relative" = "step"): Table & { axis: Across } {
  const { axis, at: place } = across(histories.flat(), asked);
  const places = histories.map((points) => {
    const first = firstOf(points);
    return points.map((point) => place(point, first));
  });
  const x = [...new Set(places.flat())].sort((a, b) => a - b);
  const at = new Map(x.map((place, index) => [place, index]));
  const series = histories.map((points, run) => {
    const values = new Array<number | null>(x.length).fill(null);
    points.forEach(({ value }, index) => (values[at.get(places[run]?.[index] ?? 0) ?? 0] = asNumber(value)));
    return { label: labels[run] ?? "", kind: "other" as const, values, colour: colours[run] ?? "", isDashed: run >= kColours.length };
  });
  return { axis, x, series: series.filter(({ values }) => values.some((value) => value !== null)) };
}

// Okabe and Ito's colours, that people who see fewer colours tell apart too; lines beyond them are dashed.
export const kColours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#868e96"];
export const colourOf = (run: number) => kColours[run % kColours.length] ?? "#868e96";
