import { expect, it } from "vitest";
import type { Endpoint, FeatureDefinitions } from "../api";
import { columnOf, consumersOf } from "./consumers";

const service = (name: string, version: number, outputs: string[]) => ({ name, version, event_time: "at", request: [], outputs: outputs.map((output) => ({ name: output, type: "double" })), owner: "", description: "", tags: {} });
const definitions = {
  sources: [],
  views: [],
  services: [service("sale", 2, ["shop__mean", "shop__count", "pages"]), service("other", 1, ["shop_two__mean"])],
  online: { store: "memory", materialized: null, memory_bytes: 0, disk_bytes: 0 },
} satisfies FeatureDefinitions;
const endpoint = (name: string, features?: string, variants: object[] = []) => ({ name, definition: { model: "m", features }, rollout: { phase: "steady" }, revision: variants.length > 0 ? { variants } : null }) as unknown as Endpoint;

it("names services that give a column of the view, their endpoints, and who answers there", () => {
  const live = { name: "live", role: "live", model: "m", version: 3 };
  const shadow = { name: "next", role: "shadow", model: "m", version: 4 };
  const found = consumersOf({ name: "shop", features: ["shop__mean", "shop__count", "shop__unread"] }, definitions, [endpoint("a", "sale", [live, shadow]), endpoint("b", "other", [live]), endpoint("c"), endpoint("d", "sale")]);
  expect(found.services).toEqual([{ name: "sale", version: 2, features: ["shop__mean", "shop__count"] }]);
  expect(found.endpoints).toEqual([
    {
      name: "a",
      service: "sale",
      phase: "steady",
      models: [
        { model: "m", version: 3, role: "live" },
        { model: "m", version: 4, role: "shadow" },
      ],
    },
    { name: "d", service: "sale", phase: "steady", models: [] },
  ]);
  expect(consumersOf({ name: "nobody's", features: ["nobody's__mean"] }, definitions, [])).toEqual({ services: [], endpoints: [] });
});

it("takes the view's name from a feature, whatever is in it", () => {
  expect(columnOf({ name: "shop__two" }, "shop__two__mean_7d")).toBe("mean_7d");
});
