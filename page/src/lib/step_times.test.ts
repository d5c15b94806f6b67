import { expect, test } from "vitest";
import type { PipelineRun, Step } from "../api";
import { failsSince, readyAt, spanOf, stateOf, stretches, ticks } from "./step_times";

const at = (second: number | null) => (second === null ? null : new Date(second * 1000).toISOString());

function step(name: string, state: string, from: number | null, to: number | null, more: Partial<Step> = {}): Step {
  return {
    name,
    state,
    cached: state === "cached",
    command: "run",
    reason: "",
    exit_code: null,
    peak_memory_bytes: null,
    cpu_seconds: null,
    tries: 1,
    not_before: null,
    seconds: null,
    started_at: at(from),
    finished_at: at(to),
    folder: "",
    cache_key: "",
    key: null,
    outputs: {},
    needs: [],
    earlier_tries: [],
    ...more,
  };
}

const run = (steps: Step[], finished: number | null = null) => ({ created_at: at(0), finished_at: at(finished), steps }) as unknown as PipelineRun;
const earlier = (from: number, to: number) => ({ started_at: at(from) ?? "", finished_at: at(to) ?? "", exit_code: 1, reason: "it broke" });
const shown = (of: PipelineRun, name: string, now: number) =>
  stretches(of, of.steps.find((each) => each.name === name) as Step, now * 1000).map(({ kind, state, from, to }) => `${kind}${state && ` ${state}`} ${from / 1000}-${to / 1000}`);

test("waits from the end of what it needs", () => {
  const two = run([step("a", "succeeded", 1, 5), step("b", "succeeded", 8, 9, { needs: ["a"] })], 10);
  expect(shown(two, "a", 20)).toEqual(["waits 0-1", "try succeeded 1-5"]);
  expect(shown(two, "b", 20)).toEqual(["waits 5-8", "try succeeded 8-9"]);
  expect(spanOf(two, 20_000)).toEqual([0, 10_000]);
});

test.each([
  ["runs", step("a", "running", 1, null), 4, ["waits 0-1", "try running 1-4"]],
  ["waits for a place", step("a", "pending", null, null), 4, ["waits 0-4"]],
  ["answered at once", step("a", "cached", 0, 0), 4, ["try cached 0-0"]],
  ["never began", step("a", "skipped", null, null), 4, []],
  ["a person is asked", step("a", "waiting", 0, null, { command: "" }), 4, ["try waiting 0-4"]],
  ["a person has answered", step("a", "succeeded", 0, 3, { command: "" }), 4, ["try waiting 0-3"]],
  ["will be tried again", step("a", "pending", 0, 2, { earlier_tries: [earlier(0, 2)], not_before: at(9) }), 4, ["try failed 0-2", "pause 2-9"]],
  ["is tried again", step("a", "running", 5, null, { earlier_tries: [earlier(0, 2)] }), 7, ["try failed 0-2", "pause 2-5", "try running 5-7"]],
  ["was tried three times", step("a", "failed", 8, 9, { earlier_tries: [earlier(0, 1), earlier(3, 4)] }), 20, ["try failed 0-1", "pause 1-3", "try failed 3-4", "pause 4-8", "try failed 8-9"]],
])("%s", (_, one, now, expected) => {
  expect(shown(run([one]), "a", now)).toEqual(expected);
});

test("isn't ready while what it needs goes on; what was skipped holds nobody up", () => {
  const three = run([step("a", "running", 0, null), step("b", "skipped", null, null), step("c", "pending", null, null, { needs: ["a", "b"] }), step("d", "pending", null, null, { needs: ["b"] })]);
  expect(readyAt(three, three.steps[2] as Step)).toBeNull();
  expect(shown(three, "c", 4)).toEqual([]);
  expect(readyAt(three, three.steps[3] as Step)).toBe(0);
});

test("a state as people tell it", () => {
  expect(stateOf({ state: "pending", not_before: at(1) })).toBe("retrying");
  expect(stateOf({ state: "pending", not_before: null })).toBe("pending");
  expect(stateOf({ state: "failed" })).toBe("failed");
});

test.each([
  [["succeeded", "failed", "failed"], 1],
  [["failed", "succeeded"], undefined],
  [["failed", "skipped", undefined, "refused"], 0],
  [["failed", "cached", "failed", "running"], 2],
  [[], undefined],
])("fails since: %j", (states, since) => {
  expect(failsSince(states)).toBe(since);
});

test("round times", () => {
  expect(ticks(37)).toEqual([0, 10, 20, 30]);
  expect(ticks(0.4)).toEqual([0, 0.1, 0.2, 0.30000000000000004, 0.4]);
  expect(ticks(3 * 86400).length).toBeLessThan(7);
  expect(ticks(900 * 86400).length).toBeLessThan(7);
});
