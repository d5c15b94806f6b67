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

// Of a step's log: bytes up to `end` of `size`.
export interface LogPart {
  text: string;
  isCut: boolean; // its beginning
  end: number;
  size: number;
}

// What a server pushes of a step's log.
export interface LogReader {
  open: () => void;
  text: (text: string, from: number, end: number) => void; // from 0: the log has begun anew
  over: () => void;
  refused: () => void; // the browser does not come back by itself
}

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
  stepLogPath: (id: string, step: string) => own("pipeline-runs", id, "steps", step, "log"),
  // At most so many bytes of its end, from the beginning of a line on.
  stepLogEnd: async (id: string, step: string, most: number, s?: AbortSignal): Promise<LogPart> => {
    const { text, from, end, size } = await part(pipelinesApi.stepLogPath(id, step), `bytes=-${most}`, s);
    return { text: from > 0 ? text.slice(text.indexOf("\n") + 1) : text, isCut: from > 0, end, size };
  },
  // What it writes from this byte on, until it is over. Returns what ends it.
  followStepLog: (id: string, step: string, after: number, reader: LogReader): (() => void) => {
    const source = new EventSource(`${pipelinesApi.stepLogPath(id, step)}/stream?after=${after}`);
    source.addEventListener("text", ({ data, lastEventId }: MessageEvent<string>) => {
      const { from, text } = JSON.parse(data) as { from: number; text: string };
      reader.text(text, from, Number(lastEventId));
    });
    source.addEventListener("over", () => {
      source.close();
      reader.over();
    });
    source.onopen = () => reader.open();
    source.onerror = () => (source.readyState === EventSource.CLOSED ? reader.refused() : undefined);
    return () => source.close();
  },
};
