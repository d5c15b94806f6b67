import { expect, test } from "vitest";
import type { Step } from "../api";
import { bestOf, bestSoFar, metricOf, searchedNames } from "./trials";

const trial = (state: string, score: number | null, item = {}) => ({ state, score, item }) as Step;

test("the best so far is of trials that came to their end, in their order", () => {
  const trials = [trial("succeeded", 2), trial("failed", null), trial("cached", 3), trial("running", null), trial("succeeded", 1)];
  expect(bestSoFar(trials, "maximize").map(({ trial, best }) => [trial, best])).toEqual([[0, 2], [2, 3], [4, 3]]);
  expect(bestSoFar(trials, "minimize").map(({ best }) => best)).toEqual([2, 2, 1]);
  expect(bestSoFar([], "minimize")).toEqual([]);
});

test("what is searched, and by what", () => {
  expect(metricOf("metrics.json#auc.test")).toBe("auc.test");
  expect(metricOf("auc")).toBe("auc");
  expect(searchedNames([trial("running", null, { rate: 0.1, kind: "a" })])).toEqual(["rate", "kind"]);
  expect(searchedNames([])).toEqual([]);
});

test("of more trials than can be looked at the best are, in their order", () => {
  const trials = [trial("succeeded", 2), trial("failed", null), trial("cached", 3), trial("succeeded", 1)];
  expect(bestOf(trials, "maximize", 2).map(({ score }) => score)).toEqual([2, 3]);
  expect(bestOf(trials, "minimize", 2).map(({ score }) => score)).toEqual([2, 1]);
  expect(bestOf(trials, "minimize", 4)).toBe(trials);
});
