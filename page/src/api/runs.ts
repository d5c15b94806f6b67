// Runs, their curves and files, in MLflow's words.
import { experimentsApi } from "./experiments";
import { get, ifAbsent, mlflow, own, part, post } from "./fetch";

export interface KeyValue {
  key: string;
  value: string;
}

export interface Metric {
  key: string;
  value: number | string; // "NaN" and the infinities are texts
  timestamp: number;
  step: number;
}

export interface Run {
  info: {
    run_id: string;
    run_name: string;
    experiment_id: string;
    user_id: string;
    status: string;
    lifecycle_stage?: "active" | "deleted";
    start_time: number;
    end_time?: number;
  };
  data: { metrics?: Metric[]; params?: KeyValue[]; tags?: KeyValue[] };
  inputs: { dataset_inputs?: { dataset: { name: string; digest: string } }[] };
  outputs?: { model_outputs?: { model_id: string }[] }; // older clients have a tag instead
}

export interface RunFile {
  path: string; // from the run on
  is_dir: boolean;
  file_size?: number;
}

// A run with the histories of those of its metrics that are drawn, each of at most 2500 points.
export interface RunAndCurves {
  run: Run;
  curves: Metric[][];
}

// What a server pushes about a run that goes on.
export interface RunWatcher {
  open: () => void;
  latest: (metrics: Metric[]) => void; // where watching begins, and begins again after something was missed
  points: (points: Metric[]) => void;
  over: () => void; // the run has ended; nothing follows
  lost: () => void; // the browser comes back by itself: open again
  refused: () => void; // it does not
}

// Of a metric's curve beside those of other runs.
const kPointsOfRun = 320;
const kPointsOfRunMin = 40;
const kPointsOfAll = 5000;
const kRunsNamedMax = 8;
const kDeletedListed = 200;
const kFilesListed = 2000; // of a folder

export const isFinal = (status: string) => status === "FINISHED" || status === "FAILED" || status === "KILLED";

const byId = (experiments: string[], ids: string[]) => ({ experiment_ids: experiments, filter: `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`, max_results: ids.length });

export const runsApi = {
  runPath: (id: string) => `${mlflow}runs/get?run_id=${encodeURIComponent(id)}`,
  run: async (id: string, s?: AbortSignal) => (await get<{ run: Run }>(runsApi.runPath(id), s)).run,
  runsOfPipelineRun: async (id: string, s?: AbortSignal) => {
    const experiments = (await experimentsApi.experiments(s)).map(({ experiment_id }) => experiment_id);
    if (experiments.length === 0) return [];
    const query = { experiment_ids: experiments, filter: `tags."slipway.run_id" = "${id.replace(/[^0-9a-z-]/gi, "")}"`, max_results: 100 };
    return (await post<{ runs?: Run[] }>(mlflow + "runs/search", query, s)).runs ?? [];
  },
  // Of these experiments, the newest whose name has these letters; of all, the one with this id.
  runsNamed: async (letters: string, experiments: string[], s?: AbortSignal): Promise<Run[]> => {
    const plain = letters.replace(/["'\\%_]/g, "");
    if (plain === "" || experiments.length === 0) return [];
    const filter = `attributes.run_name ILIKE "%${plain}%"`;
    const query = { experiment_ids: experiments, filter, max_results: kRunsNamedMax, order_by: ["attributes.start_time DESC"] };
    const named = (await post<{ runs?: Run[] }>(mlflow + "runs/search", query, s)).runs ?? [];
    if (!/^[0-9a-f]{32}$/.test(plain)) return named;
    const run = await ifAbsent(runsApi.run(plain, s), undefined);
    return run ? [run, ...named] : named;
  },
  // The newest of an experiment that were deleted and can be restored.
  deletedRunsCall: (experiment: string) => ({ path: mlflow + "runs/search", body: { experiment_ids: [experiment], run_view_type: "DELETED_ONLY", max_results: kDeletedListed } }),
  deletedRuns: async (experiment: string, s?: AbortSignal) => {
    const { path, body } = runsApi.deletedRunsCall(experiment);
    return (await post<{ runs?: Run[] }>(path, body, s)).runs ?? [];
  },
  runsOfParentFilter: (id: string) => `tags."mlflow.parentRunId" = "${id}"`,
  // The newest that say that this one is their parent, in its experiment, where MLflow's client makes them: names and states.
  runsOfParent: (id: string, experiment: string, most: number, s?: AbortSignal) =>
    experimentsApi.runTable({ experiment, filter: runsApi.runsOfParentFilter(id), order: null, columns: ["attributes.run_name", "attributes.status"], group: undefined }, 0, most, null, s),
  // What of them is asked for when they are shown together.
  runsCall: (runs: Run[]) => ({ path: mlflow + "runs/search", body: byId([...new Set(runs.map(({ info }) => info.experiment_id))], runs.map(({ info }) => info.run_id)) }),
  runsById: async (ids: string[], s?: AbortSignal): Promise<Run[]> => {
    const experiments = (await experimentsApi.experiments(s)).map(({ experiment_id }) => experiment_id);
    const found = new Map(((await post<{ runs?: Run[] }>(mlflow + "runs/search", byId(experiments, ids), s)).runs ?? []).map((run) => [run.info.run_id, run]));
    return ids.flatMap((id) => found.get(id) ?? []);
  },
  historiesPath: (ids: string[], metric: string) => {
    const points = Math.round(Math.min(kPointsOfRun, Math.max(kPointsOfRunMin, kPointsOfAll / ids.length)));
    return `${mlflow}metrics/get-history-bulk-interval?${new URLSearchParams([...ids.map((id) => ["run_ids", id]), ["metric_key", metric], ["max_results", String(points)]])}`;
  },
  // A metric's points, thinned, by run.
  histories: async (ids: string[], metric: string, s?: AbortSignal): Promise<Metric[][]> => {
    const { metrics = [] } = await get<{ metrics?: (Metric & { run_id: string })[] }>(runsApi.historiesPath(ids, metric), s);
    return ids.map((id) => metrics.filter(({ run_id }) => run_id === id));
  },
  curvesPath: (run: string, metrics: string[]) => `${own("runs", run, "metrics", "curves")}?${new URLSearchParams(metrics.map((name) => ["key", name]))}`,
  // `names` of all that the run has are drawn.
  runAndCurves: async (id: string, names: (all: string[]) => string[], s?: AbortSignal): Promise<RunAndCurves> => {
    const run = await runsApi.run(id, s);
    const drawn = names((run.data.metrics ?? []).map(({ key }) => key));
    return { run, curves: drawn.length > 0 ? (await get<{ curves: Metric[][] }>(runsApi.curvesPath(id, drawn), s)).curves : [] };
  },
  runFilesPath: (run: string, folder: string) => `${mlflow}artifacts/list?${new URLSearchParams({ run_id: run, ...(folder && { path: folder }) })}`,
  // A folder of a run's files.
  runFiles: async (run: string, folder: string, s?: AbortSignal): Promise<{ files: RunFile[]; isMore: boolean }> => {
    const files: RunFile[] = [];
    let token: string | undefined;
    do {
      const query = new URLSearchParams({ run_id: run, ...(folder && { path: folder }), ...(token && { page_token: token }) });
      const page = await get<{ files?: RunFile[]; next_page_token?: string }>(`${mlflow}artifacts/list?${query}`, s);
      files.push(...(page.files ?? []).map((file) => (file.is_dir ? file : { ...file, file_size: file.file_size ?? 0 }))); // nothing is said of an empty one
      token = page.next_page_token;
    } while (token && files.length < kFilesListed);
    return { files, isMore: token !== undefined };
  },
  runFilePath: (run: string, path: string) => `/get-artifact?${new URLSearchParams({ run_id: run, path })}`,
  // At most so many bytes of it, as text.
  runFileBeginning: async (run: string, path: string, most: number, s?: AbortSignal) => {
    const { text, end, size } = await part(runsApi.runFilePath(run, path), `bytes=0-${most - 1}`, s);
    return { text, isCut: end < size };
  },
  // Returns what ends it.
  watchRun: (id: string, watcher: RunWatcher): (() => void) => {
    const source = new EventSource(own("runs", id, "metrics", "stream"));
    const on = (kind: string, take: (data: { metrics: Metric[]; points: Metric[]; status: string }) => void) =>
      source.addEventListener(kind, (event) => take(JSON.parse((event as MessageEvent<string>).data)));
    source.onopen = watcher.open;
    source.onerror = () => (source.readyState === EventSource.CLOSED ? watcher.refused() : watcher.lost());
    on("latest", (data) => watcher.latest(data.metrics));
    on("points", (data) => watcher.points(data.points));
    on("status", (data) => {
      if (!isFinal(data.status)) return;
      source.close();
      watcher.over();
    });
    return () => source.close();
  },
};
