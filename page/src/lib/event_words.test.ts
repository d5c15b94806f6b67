import { expect, test } from "vitest";
import { eventWords } from "./event_words";

test.each([
  ["experiment.created", { name: "tides", artifact_location: "" }, "name: tides"],
  ["endpoint.canary_step", { revision: 7, variants: [{ model: "sale", version: 2, role: "live", weight: 8000 }, { model: "sale", version: 3, role: "live", weight: 2000 }, { model: "sale", version: 1, role: "shadow", weight: 10000 }], reason: "it is due", cause: "" }, "revision 7: sale 2 answers 80 %, sale 3 answers 20 %; it is due"],
  ["endpoint.deployed", { revision: 1, variants: [{ model: "sale", version: 1, role: "live", weight: 10000 }] }, "revision 1: sale 1 answers"],
  ["alias.moved", { alias: "champion", from: null, to: 2 }, "champion from none to 2"],
  ["alert.opened", { metric: "log_loss", value: 2.05, threshold: 1, window: "day", window_start: "2024-02-12T00:00:00Z" }, "log_loss is 2.05, threshold 1, in the day from 12 Feb 2024, 00:00"],
  ["run.ended", { status: "FINISHED", is_late: false, tags: ["a", "b"] }, "status: FINISHED, is late: no, tags: a, b"],
  ["any.thing", { nested: { a: 1, b: { c: "d" } }, many: [1, 2, 3, 4, 5, 6, 7] }, "nested: (a 1, b: (c: d)), many: 1, 2, 3, 4, 5, 2 more"],
  ["pipeline_step.succeeded", { cache_key: "f94622abc875b0d020c50753aa2fb48cf1d9ac1f27" }, "cache key: f94622abc875…"],
  ["any.thing", {}, ""],
  ["any.thing", null, ""],
])("%s of %j is %s", (kind, payload, words) => {
  expect(eventWords({ kind, payload })).toBe(words);
});

test("long ones are cut", () => {
  expect(eventWords({ kind: "x", payload: { text: "a".repeat(1000) } }).length).toBeLessThan(250);
});
