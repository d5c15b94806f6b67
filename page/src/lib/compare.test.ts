import { describe, expect, it } from "vitest";
import type { Run } from "../api";
import { asNumber, attributes, axis, importance, isDifferent, overlay, ranks, lookedAt } from "./compare";

const run = (params: Record<string, string>, metrics: Record<string, number | string>, tags: Record<string, string> = {}): Run => ({
  info: { run_id: "r", run_name: "r", experiment_id: "1", user_id: "", status: "FINISHED", start_time: 0 },
  data: {
    params: Object.entries(params).map(([key, value]) => ({ key, value })),
    metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp: 0, step: 0 })),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  },
  inputs: {},
});
const of = (name: string, ...values: (number | string | null)[]) => ({ group: "parameter" as const, name, values });

describe("what runs say", () => {
  const all = attributes([run({ depth: "3", kind: "a" }, { auc: 0.5 }, { team: "x", "mlflow.user": "me" }), run({ depth: "3", rate: "1e-3" }, { auc: "NaN" })]);
  it("is put side by side, by group and name", () =>
    expect(all.map(({ group, name, values }) => [group, name, values])).toEqual([
      ["parameter", "depth", ["3", "3"]],
      ["parameter", "kind", ["a", null]],
      ["parameter", "rate", [null, "1e-3"]],
      ["metric", "auc", [0.5, "NaN"]],
      ["tag", "team", ["x", null]],
    ]));
  it("is different where a value is, or is missing", () => expect(all.filter(isDifferent).map(({ name }) => name)).toEqual(["kind", "rate", "auc", "team"]));
  it("is different as it was written", () => expect(isDifferent(of("id", "007", "7"))).toBe(true));
  it("takes no text for a number", () => expect(["", "0x10", "1e5", "Infinity", "-.5", "5e12345", 1.797e308, null].map(asNumber)).toEqual([null, null, 100000, null, -0.5, null, null, null]));
});

describe("an axis", () => {
  const told = (value: number) => `${value}`;
  it("goes from the least number to the greatest", () => expect(axis(of("x", 2, null, 6, 3), told)).toMatchObject({ places: [0, null, 1, 0.25], ends: ["2", "6"], ticks: [] }));
  it("counts decades where numbers go over three", () => expect(axis(of("rate", 0.0001, 0.01, 1), told).places.map((place) => Math.round(100 * (place ?? NaN)))).toEqual([0, 50, 100]));
  it("has a place for each text, in order", () =>
    expect(axis(of("x", "b10", "b9", null), told)).toMatchObject({ places: [1, 0, null], ticks: [{ text: "b9", place: 0 }, { text: "b10", place: 1 }] }));
  it("is one of numbers where some run diverged", () => expect(axis({ group: "metric", name: "loss", values: [0.85, "NaN", 0.9, 0.123456] }, told)).toMatchObject({ places: [0.9357, null, 1, 0].map((place) => (place === null ? null : expect.closeTo(place, 3) as number)), ticks: [] }));
  it("is one of numbers where a few are words", () => expect(axis(of("depth", "3", "None", "5"), told)).toMatchObject({ places: [0, null, 1], ends: ["3", "5"] }));
  it("lies in the middle when all are the same", () => expect(axis(of("x", 4, 4), told).places).toEqual([0.5, 0.5]));
});

describe("what goes with a metric", () => {
  const auc = of("auc", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6);
  it("is said of numbers by their ranks, with the direction", () =>
    expect(importance([of("up", 1, 10, 100, 1000, 10000, 100000), of("down", 6, 5, 4, 3, 2, 1)], auc)).toEqual([
      { name: "down", strength: 1, direction: "less", runs: 6 },
      { name: "up", strength: 1, direction: "more", runs: 6 },
    ]));
  // The ranks' variance is 17.5; two groups with the means 2 and 5 hold 13.5 of it.
  it("is said of texts by their means", () => expect(importance([of("kind", "a", "a", "a", "b", "b", "b")], auc)[0]?.strength).toBeCloseTo(Math.sqrt(13.5 / 17.5), 12));
  it("is not said of a text that every run has of its own", () => expect(importance([of("path", "a", "b", "c", "d", "e", "f")], auc)).toEqual([]));
  it("is not said of few runs, or of what doesn't change", () => expect(importance([of("few", 1, 2, 3, 4, null, null), of("same", 1, 1, 1, 1, 1, 1)], auc)).toEqual([]));
  it("gives equal values the mean of their ranks", () => expect(ranks([3, 1, 3, 2])).toEqual([3.5, 1, 3.5, 2]));
});

describe("curves over each other", () => {
  it("go by seconds where nobody counted steps", () => {
    const at = (timestamp: number, value: number) => ({ key: "m", step: 0, timestamp, value });
    expect(overlay([[at(5000, 1), at(7000, 2)], [at(90_000, 3), at(91_000, 4)]], ["a", "b"], [])).toMatchObject({ axis: "seconds", x: [0, 1, 2], series: [{ values: [1, null, 2] }, { values: [3, 4, null] }] });
  });
  const point = (step: number, value: number | string) => ({ key: "m", step, value, timestamp: 0 });
  it("share their steps; who has no point there has a gap", () =>
    expect(overlay([[point(0, 1), point(2, 3)], [point(1, 5), point(2, "NaN")], []], ["a", "b", "c"], ["red", "blue", "green"])).toMatchObject({
      axis: "step",
      x: [0, 1, 2],
      series: [
        { label: "a", values: [1, null, 3], colour: "red" },
        { label: "b", values: [null, 5, null], colour: "blue" },
      ],
    }));
});

it("runs are looked at by the metric that is asked for, else by the first of those that most have", () => {
  const metric = (name: string, ...values: (number | null)[]) => ({ group: "metric" as const, name, values });
  const metrics = [metric("accidental", 1, null, null), metric("auc", 1, 2, null), metric("loss", 1, 2, 3), metric("mae", 1, 2, 3)];
  expect(lookedAt(metrics, null)?.name).toBe("loss");
  expect(lookedAt(metrics, "auc")?.name).toBe("auc");
  expect(lookedAt(metrics, "gone")?.name).toBe("loss");
  expect(lookedAt([], null)).toBeUndefined();
});
