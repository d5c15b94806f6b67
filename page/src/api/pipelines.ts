// Pipelines, their runs, searches and schedules.
import { get, own, part, post } from "./fetch";
import type { Schemas } from "./schemas";

export interface ListedSearch {
  run: string; // of the pipeline
  pipeline: string;
  name: string; // of the step
  state: string;
  started_at: string | null;
  seconds: number | null;
  search: Step["search"] | null;
  trials: number; // that there are so far
  score: number | null; // the best
  tracked_run: string;
}

export interface Step {
  name: string;
  state: string;
  cached: boolean;
  command: string;
  reason: string;
  exit_code: number | null;
  peak_memory_bytes: number | null; // of the last try's processes, as far as it is known
  cpu_seconds: number | null;
  tries: number;
  not_before: string | null; // of a pending step: when it is tried again
  seconds: number | null;
  started_at: string | null;
  finished_at: string | null;
  key?: { parts?: Record<string, string> } | null; // what its cache key is made of, by digests
  items?: Step[]; // of a step with `each`, or the trials of one with `search`
  search?: { method: string; trials: number; parallel: number; metric: string; goal: string; seed: number };
  best?: { name: string; score: number; tracked_run: string }; // of a search, so far
  item?: Record<string, unknown>; // of a trial: its values
  score?: number | null; // of a trial
  tracked_run?: string;
  waits_for?: Record<string, unknown>; // of a step with `wait_for` that began
  job?: string; // that runs it in a cluster
  nested_run?: string; // of a step with `pipeline`: the run that it started
  needs: string[]; // steps that it comes after
  earlier_tries: { started_at: string; finished_at: string; exit_code: number | null; reason: string }[]; // oldest first
}

// A run in a list, with how its steps went.
export interface ListedRun extends Omit<PipelineRun, "steps"> {
  steps: Pick<Step, "name" | "state" | "reason" | "tries" | "started_at" | "finished_at" | "seconds">[];
}

export interface PipelineRun {
  id: string;
  pipeline: string;
  state: string;
  reason: string;
  actor: string;
  parent: { run: string; step: string } | null; // whose step started it
  params: Record<string, string>;
  source: { commit?: string; dirty?: boolean };
  now: string;
  created_at: string;
  finished_at: string | null;
  steps: Step[];
}

// What a step of a run that is started now would do: "cached", "runs", "depends" (on what one before it writes), "waits" (for a person), "skipped", "fails".
export interface StepForecast {
  step: string;
  verdict: string;
  why: string;
}

export interface Pipeline {
  name: string;
  params: Record<string, string>;
  steps: { name: string; run: string }[];
  last_run: Omit<PipelineRun, "steps"> | null;
}

// A time that a schedule was due, and what became of it.
export type Turn = Schemas["Turn"];
export type Schedule = Schemas["Schedule"];

export interface Backfill {
  id: string | null;
  runs: number;
  done_before: number;
}

export const pipelinesApi = {
  pipelines: async (s?: AbortSignal) => (await get<{ pipelines: Pipeline[] }>(own("pipelines"), s)).pipelines,
  pipelineRunsPath: (pipeline: string) => own("pipelines", pipeline, "runs"),
  pipelineRuns: async (pipeline: string, s?: AbortSignal) =>
    (await get<{ runs: ListedRun[] }>(`${pipelinesApi.pipelineRunsPath(pipeline)}?steps=true`, s)).runs,
  newestPipelineRuns: async (pipeline: string, most: number, s?: AbortSignal) =>
    (await get<{ runs: Omit<PipelineRun, "steps">[] }>(`${pipelinesApi.pipelineRunsPath(pipeline)}?limit=${most}`, s)).runs,
  searchesPath: `${own("searches")}?limit=500`,
  searches: async (s?: AbortSignal) => (await get<{ searches: ListedSearch[] }>(pipelinesApi.searchesPath, s)).searches,
  schedulesPath: own("schedules"),
  schedules: async (s?: AbortSignal) => (await get<Schemas["Schedules"]>(pipelinesApi.schedulesPath, s)).schedules,
  pauseSchedule: (schedule: string, pause: boolean) =>
    post<Schedule>(own("schedules", schedule, pause ? "pause" : "resume"), {}),
  backfill: (schedule: Schedule, from: string, to: string, parallel: number, dryRun: boolean) =>
    post<Backfill>(own("pipelines", schedule.pipeline, "backfills"), {
      schedule: schedule.name,
      from,
      to,
      parallel,
      dry_run: dryRun,
    }),
  explainRun: async (pipeline: string, params: Record<string, string>, s?: AbortSignal) =>
    (await post<{ steps: StepForecast[] }>(own("pipelines", pipeline, "explain"), { params }, s)).steps,
  startRun: (pipeline: string, params: Record<string, string>, reason: string, actor: string) =>
    post<PipelineRun>(own("pipelines", pipeline, "runs"), { params, reason, actor }),
  pipelineRunPath: (id: string) => own("pipeline-runs", id),
  pipelineRun: (id: string, s?: AbortSignal) => get<PipelineRun>(pipelinesApi.pipelineRunPath(id), s),
  retryPipelineRun: (id: string) => post<PipelineRun>(own("pipeline-runs", id, "retry"), {}),
  answerStep: (id: string, step: string, approved: boolean, reason: string, actor: string) =>
    post<PipelineRun>(own("pipeline-runs", id, "steps", step, "answer"), { approved, reason, actor }),
  cancelPipelineRun: (id: string) => post<PipelineRun>(own("pipeline-runs", id, "cancel"), {}),
  stepWhy: async (id: string, step: string, s?: AbortSignal) =>
    (await get<{ why: string }>(own("pipeline-runs", id, "steps", step, "why"), s)).why,
  // At most so many bytes of its end, from the beginning of a line on.
  stepLogEnd: async (id: string, step: string, most: number, s?: AbortSignal): Promise<{ text: string; isCut: boolean }> => {
    const { text, isCut } = await part(own("pipeline-runs", id, "steps", step, "log"), `bytes=-${most}`, s);
    return { text: isCut ? text.slice(text.indexOf("\n") + 1) : text, isCut };
  },
};
