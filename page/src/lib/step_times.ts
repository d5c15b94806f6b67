// When the steps of a pipeline's run waited and ran. Pure functions.
import type { PipelineRun, Step } from "../api";

// waits: for a free place; pause: until it is tried again; else a try, by how it ended.
export interface Stretch {
  kind: "waits" | "pause" | "try";
  state: string; // of a try
  from: number; // ms
  to: number;
  words: string;
}

const ms = (at: string | null) => (at === null ? null : Date.parse(at));

export type StepState = "pending" | "retrying" | "running" | "waiting" | "sensing" | "succeeded" | "cached" | "refused" | "failed" | "skipped" | "cancelled";

// A step's state as people tell it: one that failed and is tried again is more than pending, and one that waits for a file asks nobody.
export function stateOf(step: { state: string; not_before?: string | null; waits_for?: unknown }): StepState {
  if (step.state === "waiting" && step.waits_for) return "sensing";
  return (step.state === "pending" && step.not_before ? "retrying" : step.state) as StepState;
}

// Since when it might have begun: all it needs was over. null: not yet.
export function readyAt(run: PipelineRun, step: Step): number | null {
  let ready = Date.parse(run.created_at);
  for (const name of step.needs) {
    const need = run.steps.find((other) => other.name === name);
    if (!need || need.state === "skipped") continue;
    const end = ms(need.finished_at);
    if (end === null || need.state === "pending") return null;
    ready = Math.max(ready, end);
  }
  return ready;
}

export function stretches(run: PipelineRun, step: Step, now: number): Stretch[] {
  const found: Stretch[] = [];
  const add = (kind: Stretch["kind"], from: number, to: number, words: string, state = "") => {
    if (to > from || kind === "try") found.push({ kind, state, from, to: Math.max(from, to), words });
  };
  let free = readyAt(run, step);
  for (const one of step.earlier_tries) {
    const [from, to] = [Date.parse(one.started_at), Date.parse(one.finished_at)];
    if (free !== null) add(found.length ? "pause" : "waits", free, from, found.length ? "until it was tried again" : "waited to begin");
    add("try", from, to, one.reason, "failed");
    free = to;
  }
  const started = ms(step.started_at);
  const again = ms(step.not_before);
  const isEarlier = step.earlier_tries.some((one) => one.started_at === step.started_at);
  if (step.state === "pending") {
    if (free !== null && step.earlier_tries.length > 0) add("pause", free, Math.max(again ?? now, now), "until it is tried again");
    else if (free !== null && !run.finished_at) add("waits", free, now, "waits to begin");
  } else if (started !== null && !isEarlier) {
    if (free !== null) add(found.length ? "pause" : "waits", free, started, found.length ? "until it was tried again" : "waited to begin");
    add("try", started, ms(step.finished_at) ?? now, step.reason, step.command === "" && step.state !== "failed" ? "waiting" : step.state);
  }
  return found;
}

// From the run's start to its end, or to now.
export function spanOf(run: PipelineRun, now: number): [number, number] {
  const start = Date.parse(run.created_at);
  const ends = run.steps.flatMap((step) => stretches(run, step, now).map(({ to }) => to));
  return [start, Math.max(start + 1, ms(run.finished_at) ?? now, ...ends)];
}

// About four round times between, in seconds from the start.
export function ticks(seconds: number): number[] {
  const kRound = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  const step = kRound.find((each) => seconds / each <= 5) ?? Math.ceil(seconds / 5 / 86400) * 86400;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

const kBad = new Set(["failed", "refused"]);

// Of a step's states, oldest first; undefined: it wasn't in that run. The first of the runs since which it fails.
export function failsSince(states: (string | undefined)[]): number | undefined {
  let since: number | undefined;
  states.forEach((state, index) => {
    if (state && kBad.has(state)) since ??= index;
    else if (state === "succeeded" || state === "cached") since = undefined;
  });
  return since;
}
