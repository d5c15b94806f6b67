import { expect, test } from "vitest";
import type { FeatureDefinitions } from "../api";
import { computed, walked } from "./trace";

const definitions = {
  sources: [
    { name: "departed", dataset: "flights", event_time: "left_at", arrival_time: "known_at", deduplication_key: [] },
    { name: "fleet", dataset: "planes", event_time: "", arrival_time: "", deduplication_key: [] },
  ],
  views: [
    { name: "way", source: "departed", keys: ["carrier"], features: ["way__far", "way__late_1h"], reads: { way__far: ["distance"], way__late_1h: ["delay"] } },
    { name: "plane", source: "fleet", keys: ["tail"], features: ["plane__seats"], reads: { plane__seats: ["seats"] } },
    { name: "mixed", source: "", keys: [], features: ["mixed__fast", "mixed__full"], reads: { mixed__fast: ["way__far", "minutes"], mixed__full: ["plane__seats"] } },
    { name: "empty", source: "", keys: [], features: ["empty__one"], reads: {} },
  ],
} as unknown as FeatureDefinitions;
const all = computed(definitions);
const names = (of: Parameters<typeof walked>[1]) => {
  const { before, first, after } = walked(all, of);
  return [before, first, after].map((part) => part.map(({ feature }) => feature));
};

test("a raw column leads to features whose expressions read it, and on to those computed from them", () => {
  expect(names({ column: "distance", of: "flights" })).toEqual([[], ["way__far"], ["mixed__fast"]]);
  expect(names({ column: "seats" })).toEqual([[], ["plane__seats"], ["mixed__full"]]);
  expect(names({ column: "distance", of: "planes" })).toEqual([[], [], []]);
});

test("a key or a time leads to every feature of its views", () => {
  expect(names({ column: "carrier" })).toEqual([[], ["way__far", "way__late_1h"], ["mixed__fast"]]);
  expect(names({ column: "known_at", of: "flights" })[1]).toEqual(["way__far", "way__late_1h"]);
});

test("a feature computed from the request leads back to features that it reads", () => {
  expect(names({ feature: "fast" })).toEqual([["way__far"], ["mixed__fast"], []]);
  expect(names({ feature: "minutes" })).toEqual([[], [], ["mixed__fast"]]); // a column of the request
});

test("a dataset leads to all that is made of it", () => {
  expect(names({ dataset: "planes" })).toEqual([[], ["plane__seats"], ["mixed__full"]]);
});
