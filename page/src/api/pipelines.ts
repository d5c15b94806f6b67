// Pipelines, their runs, searches and schedules.
import { get, own, part, post } from "./fetch";
import type { Schemas } from "./schemas";

export type ListedSearch = Schemas["ListedSearch"];
export type Step = Schemas["Step"];
// In a list; with how its steps went where that was asked for.
export type ListedRun = Schemas["ListedRun"];
export type RunWithSteps = ListedRun & Required<Pick<ListedRun, "steps">>;
export type PipelineRun = Schemas["PipelineRun"];
export type StepForecast = Schemas["StepForecast"];
export type Pipeline = Schemas["Pipeline"];
// A time that a schedule was due, and what became of it.
export type Turn = Schemas["Turn"];
export type Schedule = Schemas["Schedule"];

export type Backfill = Schemas["Backfill"];

export const pipelinesApi = {
  // With the newest `runs` of each.
  pipelines: async (s?: AbortSignal, runs = 0) => (await get<Schemas["Pipelines"]>(`${own("pipelines")}${runs > 0 ? `?runs=${runs}` : ""}`, s)).pipelines,
  pipelineRunsPath: (pipeline: string) => own("pipelines", pipeline, "runs"),
  pipelineRuns: async (pipeline: string, s?: AbortSignal) =>
    (await get<Schemas["PipelineRuns"]>(`${pipelinesApi.pipelineRunsPath(pipeline)}?steps=true`, s)).runs,
  searchesPath: `${own("searches")}?limit=500`,
  searches: async (s?: AbortSignal) => (await get<Schemas["Searches"]>(pipelinesApi.searchesPath, s)).searches,
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
    } satisfies Schemas["BackfillDraft"]),
  explainRun: async (pipeline: string, params: Record<string, string>, s?: AbortSignal) =>
    (await post<Schemas["Forecast"]>(own("pipelines", pipeline, "explain"), { params }, s)).steps,
  startRun: (pipeline: string, params: Record<string, string>, reason: string, actor: string) =>
    post<PipelineRun>(own("pipelines", pipeline, "runs"), { params, reason, actor } satisfies Schemas["RunDraft"]),
  pipelineRunPath: (id: string) => own("pipeline-runs", id),
  pipelineRun: (id: string, s?: AbortSignal) => get<PipelineRun>(pipelinesApi.pipelineRunPath(id), s),
  retryPipelineRun: (id: string) => post<PipelineRun>(own("pipeline-runs", id, "retry"), {}),
  answerStep: (id: string, step: string, approved: boolean, reason: string, actor: string) =>
    post<PipelineRun>(own("pipeline-runs", id, "steps", step, "answer"), { approved, reason, actor } satisfies Schemas["StepAnswer"]),
  cancelPipelineRun: (id: string) => post<PipelineRun>(own("pipeline-runs", id, "cancel"), {}),
  stepWhy: async (id: string, step: string, s?: AbortSignal) =>
    (await get<Schemas["StepWhy"]>(own("pipeline-runs", id, "steps", step, "why"), s)).why,
  // At most so many bytes of its end, from the beginning of a line on.
  stepLogEnd: async (id: string, step: string, most: number, s?: AbortSignal): Promise<{ text: string; isCut: boolean }> => {
    const { text, isCut } = await part(own("pipeline-runs", id, "steps", step, "log"), `bytes=-${most}`, s);
    return { text: isCut ? text.slice(text.indexOf("\n") + 1) : text, isCut };
  },
};
