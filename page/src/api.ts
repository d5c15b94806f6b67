// The only place that fetches: types of what the server answers, and errors turned into sentences.

// ---- the event clock and the models in production

export interface Clock {
  clock: "wall" | "rehearsal";
  now: string;
  state: "ready" | "waiting";
  runs: string[];
}

export type HealthWord = "healthy" | "watch" | "alert" | "unknown";
export type Phase = "empty" | "proposed" | "canary" | "steady";

export interface ModelOverview {
  name: string;
  endpoint: string;
  owner: string;
  phase: Phase;
  health: HealthWord;
  health_reason: string;
  traffic_per_day: number[];
  open_alerts: number;
  version: number | null;
  last_release: string | null;
}

export interface Overview {
  now: string;
  clock: "wall" | "rehearsal";
  models: ModelOverview[];
}

// ---- datasets and what is different between two of their versions

export interface DatasetVersion {
  version: number;
  rows: number;
  quarantined: number;
  digest: string;
  source: string;
  arrival_time: string;
}

export interface Dataset {
  name: string;
  latest: DatasetVersion | null;
}

export interface ColumnProfile {
  name: string;
  type: string;
  rows: number;
  missing: number;
  distinct?: number | null; // null: more than are counted
  min?: number | string | null;
  p05?: number | null;
  p50?: number | null;
  p95?: number | null;
  max?: number | string | null;
  mean?: number | null;
  stddev?: number | null;
  top?: { value: string | number | boolean; rows: number }[];
}

export interface ColumnRule {
  type?: string;
  min?: number;
  max?: number;
  in?: string[];
  required?: boolean;
}

export interface DatasetDefinition {
  path?: string;
  postgres?: { table?: string };
  key?: string[];
  event_time?: string;
  arrival_time?: string;
  columns?: Record<string, ColumnRule>;
  on_violation?: string;
}

export interface DatasetVersions extends Dataset {
  definition: DatasetDefinition;
  latest: (DatasetVersion & { profile: ColumnProfile[]; violations: Record<string, number> }) | null;
  versions: DatasetVersion[]; // newest first
}

export type TableCell = string | number | boolean | null;

export interface ColumnSummary {
  type: string;
  missing: number;
  missing_share: number | null;
  distinct: number;
  min?: number | string;
  mean?: number | null;
  max?: number | string;
}

export interface ColumnDifference {
  column: string;
  changed_cells: number;
  before: ColumnSummary | null;
  after: ColumnSummary | null;
  drift: { measure: string; value: number } | null;
}

export interface TableDiff {
  before: string;
  after: string;
  key: string[];
  same: boolean;
  schema: {
    added: { column: string; type: string }[];
    removed: { column: string; type: string }[];
    types: { column: string; before: string; after: string }[];
  };
  rows: {
    before: number;
    after: number;
    added: number;
    removed: number;
    changed: number;
    unchanged: number;
    duplicate_keys: number;
  };
  examples: {
    changed: { key: Record<string, TableCell>; cells: { column: string; before: TableCell; after: TableCell }[] }[];
    added: Record<string, TableCell>[];
    removed: Record<string, TableCell>[];
    duplicate_keys: Record<string, TableCell>[];
  };
  columns: ColumnDifference[];
  notes: string[];
}

// ---- versions of folders

export interface DataRef {
  kind: "branch" | "tag";
  name: string;
  commit: string;
  moved: string;
  by: string;
}

export interface DataRepository {
  name: string;
  created: string;
  refs: DataRef[];
}

export interface StoredRepository extends DataRepository {
  objects: number;
  bytes: number;
}

export interface DataCommit {
  commit: string;
  parents: string[];
  author: string;
  message: string;
  time: string;
  files: number;
  bytes: number;
}

export interface DataFolder {
  commit: string;
  path: string;
  total: number; // of entries, of which those asked for are here
  entries: { name: string; kind: "file" | "program" | "link" | "folder"; bytes?: number }[];
}

export type FileChangeWord = "added" | "removed" | "changed" | "moved";

export interface DataChanges {
  from: string;
  to: string;
  changed: number;
  counts: Record<FileChangeWord, number>;
  bytes_before: number;
  bytes_after: number;
  changes: { path: string; change: FileChangeWord; bytes_before?: number; bytes_after?: number; moved_from?: string }[];
}

// ---- endpoints and their ledger

export interface Variant {
  name: string;
  role: "live" | "shadow";
  model: string;
  version: number;
  uri: string;
  weight: number; // of 10000
}

export interface Revision {
  endpoint: string;
  number: number;
  kind: string;
  variants: Variant[];
  features: string;
  output: string;
  actor: string;
  reason: string;
  time: string;
  arrival_time: string;
  previous: number | null;
  restores: number | null;
}

export interface Rollout {
  phase: Phase;
  held: boolean;
  held_reason: string;
  percent?: number;
  proposal?: { model: string; version: number; takes_over_at: string; reason: string };
  canary?: { model: string; version: number; step: number; step_since: string; next_check: string; waits_for?: string };
}

export interface Endpoint {
  name: string;
  definition: { model: string; features?: string; output?: string; release?: Partial<ReleasePolicy> };
  rollout: Rollout;
  revision: Revision | null;
  previous: number | null;
  last_good: number | null;
}

// In the Open Inference Protocol's words.
export interface InferenceInput {
  name: string;
  datatype: string;
  shape: number[]; // -1: rows
}

export interface InferenceReply {
  model_version?: string;
  id?: string;
  outputs: { name: string; data: (number | string | boolean | null)[] }[];
}

export interface InferenceStats {
  version: string;
  inference_stats: Record<"success" | "fail", { count: number; ns: number }>; // since the server's start
}

export interface Gate {
  id: string;
  verdict: "pass" | "refuse";
  sentence: string;
  time: string;
  candidate_version: number | null;
  champion_version: number | null;
  promoted_version: number | null;
}

export interface Rollback {
  revision: number;
  seconds: number;
  entry: Revision;
}

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

// ---- who may do what

export interface Me {
  user: string;
  is_admin: boolean;
  is_service: boolean;
}

export interface User {
  username: string;
  is_admin: boolean;
  roles: { id: number; name: string }[];
}

export interface Permission {
  resource_type: string; // "workspace", "experiment", "registered_model"
  resource_pattern: string; // an id, or "*"
  permission: string;
}

// What a user holds, by name and through roles.
export interface Held {
  is_admin: boolean;
  permissions: Permission[];
}

export interface Role {
  id: number;
  name: string;
  workspace: string;
  description: string | null;
  permissions: Permission[];
}

export interface Token {
  id: string;
  user: string;
  name: string;
  created: number;
  expires: number | null;
}

export interface NewToken extends Token {
  token: string; // shown once
  s3?: { access_key_id: string; secret_access_key: string };
}

// A change, as the record has it.
export interface Event {
  sequence: number;
  event_time: string; // when it happened, by the project's clock
  arrival_time: string; // when it was written
  actor: string;
  kind: string;
  subject: string;
  payload: unknown;
}

// As the query has it.
export type EventFilter = Partial<Record<"actor" | "kind" | "subject" | "from" | "until" | "before" | "limit", string>>;

// One way to serve an endpoint.
export interface ServingOption {
  mode: "real-time" | "stream" | "batch";
  max_rows: number;
  max_wait_ms: number;
  replicas: number; // cores
  load: number; // of one
  latency_ms: number | null; // at the percentile asked for
  cores_busy: number;
  cost_per_1000: number | null;
  meets_target: boolean;
}

export interface Advice {
  words: string;
  target: { latency_ms: number; percentile: number };
  traffic: { rate: number; rows_per_request: number; requests?: number; rate_peak?: number };
  cost: { fixed_us: number; row_us: number; core_hour: number | null; currency: string };
  options: ServingOption[]; // the cheapest that meet the target first
}

// What answering takes, measured since the server started.
export interface VersionCost {
  endpoint?: string; // where those of all endpoints were asked for
  version: number;
  predictions: number;
  cpu_seconds_per_1000: number | null;
  cost_per_1000: number | null; // no price is set: none
  currency: string | null;
}

// ---- monitoring

export type WindowKind = "day" | "week" | "month";

export interface FeatureDrift {
  feature: string;
  psi: number | null;
  jensen_shannon: number | null;
  ks: number | null;
  wasserstein: number | null;
  missing_rate: number | null;
  unseen_rate: number | null;
  method?: string; // windows judged by a server before methods had names have none
  score?: number | null;
  threshold?: number | null;
  drifted?: boolean;
}

// The inputs compared together, where the monitor asks for it.
export interface MultivariateDrift {
  method_title: string;
  score_is: string;
  score: number | null;
  low?: number | null;
  high?: number | null;
  drifted: boolean;
  causes: { column: string; share: number | null }[];
}

// A part of a window's rows: mean loss there and elsewhere.
export interface Slice {
  slice: string;
  rows: number;
  share: number;
  inside: number;
  outside: number;
  low: number | null;
  high: number | null;
  expected: number | null;
  before?: { rows: number; inside: number; outside: number };
}

export interface SliceReport {
  loss: "log_loss" | "absolute_error" | "wrong_share" | "";
  rows: number;
  mean: number | null;
  examined: number;
  found: Slice[];
}

export interface Attributions {
  rows: number;
  ndcg: number | null;
  inputs: { input: string; now: number | null; reference: number | null; rank: number; reference_rank: number }[];
}

// Of one judged window.
export interface WindowSlices {
  window: WindowKind;
  start: string;
  slices: SliceReport;
  declared_slices: { name: string; rows: number; labels: number; metrics: Record<string, number | null> }[];
  attributions: Attributions | null;
}

export interface Window {
  window: WindowKind;
  variant: string;
  role: "live" | "shadow";
  model_version: number;
  start: string;
  end: string;
  rows: number;
  labels: number;
  completeness: number | null;
  judged: boolean;
  metrics: Record<string, number | null>;
  intervals?: Record<string, [number | null, number | null]>; // 95 %
  confusion?: { classes: string[]; counts: number[][] }; // a row per label, a column per answer
  drift: FeatureDrift[];
  multivariate?: MultivariateDrift;
  note?: string; // why there is no drift, or not what was asked for
}

export interface AlertRule {
  metric: string;
  slice?: string;
  window: WindowKind;
  over?: number;
  under?: number;
  abs_over?: number;
  unusual?: "high" | "low" | "both";
  action?: string | string[];
  severity?: string;
  route?: string | string[];
}

// What false pages the alerts without thresholds may give, and all rules are expected to.
export interface AlarmBudget {
  declared: boolean;
  budget: { false_pages: number; per: string };
  false_pages: number;
  false_pages_of_thresholds: number;
}

export interface AlertRoute {
  name: string;
  kind: string;
  signed: boolean;
  waiting: number;
}

// What keeps alerts quiet.
export interface Quiet {
  silences: { id: number; state: string; match: string[]; starts: string; ends: string; by: string; comment: string }[];
  maintenance: { name: string; match: string[]; why: string; start?: string; end?: string; until: string | null }[];
}

export interface ReleasePolicy {
  steps?: number[];
  hold?: string;
  guard: { error_rate?: number; latency_ms_p99?: number; calibration_bias?: number; quality?: { metric: string; worse_by: number }; min_requests: number; min_labels: number };
}

export type Problem = "binary" | "regression" | "multiclass" | "ranking";

// What an alert without a threshold said of a window.
export interface UsualBand {
  window_start: string;
  expected: number | null;
  low: number | null; // no bound on that side
  high: number | null;
}

export interface Monitor {
  name: string;
  endpoint: string;
  health: HealthWord;
  health_reason: string;
  open_alerts: number;
  definition: { problem: Problem; windows: WindowKind[]; time_zone: string; alerts: Record<string, AlertRule> };
}

export interface Action {
  id: number;
  kind: string;
  does: "pipeline" | "hold" | "rollback" | "fallback" | "incident";
  pipeline: string;
  state: "starting" | "started" | "done" | "refused" | "failed" | "skipped";
  reason: string;
  time: string;
  run_id: string | null;
  revision: number | null; // that it has written
  incident: number | null; // that it has opened or joined
  finished: string | null;
}

export interface Alert {
  id: number;
  time: string;
  monitor: string;
  endpoint: string;
  alert: string;
  metric: string;
  value: number;
  threshold: number;
  why: string; // of an alert without a threshold, a sentence
  window: WindowKind;
  window_start: string;
  window_end: string;
  windows: number;
  last_value: number;
  state: "open" | "resolved";
  resolved: string | null;
  severity: string;
  silenced: string | null; // by what, in words
  acknowledged: { by: string; comment: string; time: string } | null;
  causes: (FeatureDrift & { how: string; request_id?: string })[]; // request_id: the one that a detector found a change with
  action: Action | null;
  actions: Action[];
}

// ---- features that were served, recomputed

export interface FeatureSpread {
  missing_rate: number;
  p10: number | null;
  p50: number | null;
  p90: number | null;
}

type Cell = number | string | null;

export interface SkewedFeature {
  endpoint: string;
  feature: string;
  version: string;
  current: boolean;
  compared: number;
  different: number;
  rate: number | null;
  rate_low: number;
  rate_high: number;
  reason: string | null;
  detail: string | null;
  first: { request: string; event_time: string; served: Cell; recomputed: Cell } | null;
  last_served: FeatureSpread | null;
  last_recomputed: FeatureSpread | null;
}

export interface Skew {
  features: SkewedFeature[];
  failures: { endpoint: string; why: string }[];
  looked_until: string | null;
}

export interface FeatureViewFacts {
  name: string;
  source: string;
  newest: string | null;
  age_seconds: number | null;
}

export interface ExplainedFeature {
  feature: string;
  served: Cell;
  recomputed: Cell;
  same: boolean | null; // null: a value it was computed from is missing
  rows_in_window: number;
  rows: { event_time: string | null; arrival_time: string | null; value: Cell; known: boolean }[];
  reasons: { reason: string; detail: string }[];
}

export interface ExplainedRequest {
  request: string;
  event_time: string;
  asked: Record<string, Cell>;
  features: ExplainedFeature[];
}

// ---- drills: which faults somebody would notice

// An alert that would have noticed, with a threshold that no control reaches.
export interface SuggestedAlert {
  metric: string;
  window: WindowKind;
  over?: number;
  under?: number;
  min_rows: number;
  delay_seconds: number;
}

export interface DrillVerdict {
  fault: string;
  what: string;
  group: string;
  share: number;
  caught: boolean; // of a control: somebody cried wolf
  by: string | null;
  delay_seconds: number | null;
  harmed: number;
  action: string | null;
  action_right: boolean | null;
  cause_right: boolean | null;
  noticed: { monitor: string; alert: string; delay_seconds: number }[]; // alerts that fired because of it
  suggestion: SuggestedAlert | null; // for what was missed
  advice?: string | null; // likewise, where no alert would help
}

export interface DrillReport {
  endpoint: string;
  from: string;
  start: string;
  until: string;
  grade: string;
  caught: number;
  faults_played: number;
  false_pages: number;
  alerts_without_fault: number;
  sources_not_pushed: string[];
  not_made: string[];
  faults: DrillVerdict[];
  controls: DrillVerdict[];
}

export interface DrillSummary {
  id: number;
  time: string;
  actor: string;
  grade: string;
  caught: number;
  faults_played: number;
  false_pages: number;
}

export interface KeptDrill {
  id: number;
  time: string;
  actor: string;
  report: DrillReport;
}

// ---- incidents

export type IncidentState = "open" | "mitigated" | "resolved";

export interface Incident {
  id: number;
  endpoint: string;
  title: string;
  severity: string;
  state: IncidentState;
  owner: string;
  opened_by: string;
  opened: string;
  bad_since: string;
  mitigated: string | null;
  resolved: string | null;
}

export interface IncidentEntry {
  time: string;
  kind: "change" | "signal" | "action" | "people";
  event: string;
  subject: string;
  actor: string;
  words: string;
}

export interface Suspect extends IncidentEntry {
  score: number;
  why: string;
}

export interface IncidentReport extends Incident {
  detected: string;
  durations: { to_detect_seconds: number | null; to_act_seconds: number | null; to_recover_seconds: number | null };
  time_line: IncidentEntry[];
  suspects: Suspect[];
}

// ---- pipelines

export interface Step {
  name: string;
  state: string;
  cached: boolean;
  command: string;
  reason: string;
  exit_code: number | null;
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
  params: Record<string, string>;
  source: { commit?: string; dirty?: boolean };
  now: string;
  created_at: string;
  finished_at: string | null;
  steps: Step[];
}

export interface Pipeline {
  name: string;
  params: Record<string, string>;
  steps: { name: string; run: string }[];
  last_run: Omit<PipelineRun, "steps"> | null;
}

// A time that a schedule was due, and what became of it.
export interface Turn {
  schedule: string;
  scheduled: string;
  state: string;
  run: string | null;
  reason: string | null;
  late: string | null;
}

export interface Schedule {
  name: string;
  pipeline: string;
  paused: boolean;
  cron?: string;
  time_zone?: string;
  every?: string;
  when?: { dataset?: string; model?: string; alias?: string };
  next: string | null;
  coming: string[];
  last: Turn | null;
}

export interface Backfill {
  id: string | null;
  runs: number;
  done_before: number;
}

// ---- what a prediction, a model or a feature comes from

export interface LoggedRequest {
  request: { event_time: string; revision: number; variants: { role: "live" | "shadow"; variant: string; prediction: number | string | null }[] };
  labels: { value: number | string | null; arrival_time: string }[];
}

export interface ModelVersion {
  name: string;
  version: string;
  source: string;
  run_id?: string;
  description?: string;
  user_id?: string;
  creation_timestamp?: number;
  current_stage?: string;
  status?: string;
  status_message?: string;
  aliases?: string[];
  tags?: KeyValue[];
}

export interface FeatureDefinitions {
  sources: { name: string; dataset: string }[];
  views: { name: string; source: string; features: string[] }[];
  services: { name: string; request: { name: string }[]; outputs: { name: string }[] }[];
}

// ---- experiments and runs, in MLflow's words

export interface Experiment {
  experiment_id: string;
  name: string;
  creation_time: number;
  last_update_time: number;
}

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
    start_time: number;
    end_time?: number;
  };
  data: { metrics?: Metric[]; params?: KeyValue[]; tags?: KeyValue[] };
  inputs: { dataset_inputs?: { dataset: { name: string; digest: string } }[] };
}

// The runs of an experiment as a table: a page of them, of the columns that were asked for.
export interface TableQuery {
  experiment: string;
  filter: string;
  order: string | null; // as MLflow writes it; null: the newest first
  columns: string[];
  group?: { column: string; value: string | null } | undefined; // null: runs that don't have it
}

export type TableValue = string | number | null;

export interface RunTable {
  total: number;
  offset: number;
  view: number | null; // the order that was kept
  run_ids: string[];
  columns: { name: string; values: TableValue[] }[];
}

export interface RunColumns {
  total: number;
  columns: { name: string; runs: number }[];
}

export interface RunGroup {
  value: string | null;
  runs: number;
  metrics: Record<string, { runs: number; mean: number | null; min: number; max: number }>;
}

export interface RunGroups {
  total: number;
  runs: number;
  groups: RunGroup[];
}

export interface RegisteredModel {
  name: string;
  description?: string;
  creation_timestamp?: number;
  last_updated_timestamp?: number;
  latest_versions?: { version: string; run_id: string }[];
  aliases?: { alias: string; version: string }[];
  tags?: KeyValue[];
}

// Where an alias points, and what protects it.
export interface ModelAlias {
  alias: string;
  version: number | null;
  gated?: boolean; // a gate's verdict moves it
  approvers?: string[];
  approvals?: { version: number; approver: string; reason: string; time: string }[];
}

export interface AliasMove {
  alias: string;
  from: number | null;
  to: number | null;
  time: string;
  actor: string;
  reason: string;
}

export interface RunFile {
  path: string; // from the run on
  is_dir: boolean;
  file_size?: number;
}

// A run with the histories of its first metrics by name, each of at most 2500 points.
export interface RunAndCurves {
  run: Run;
  curves: Metric[][];
}

export const isFinal = (status: string) => status === "FINISHED" || status === "FAILED" || status === "KILLED";

// What a server pushes about a run that goes on.
export interface RunWatcher {
  open: () => void;
  latest: (metrics: Metric[]) => void; // where watching begins, and begins again after something was missed
  points: (points: Metric[]) => void;
  over: () => void; // the run has ended; nothing follows
  lost: () => void; // the browser comes back by itself: open again
  refused: () => void; // it does not
}

// ---- fetching

const kTimeoutMs = 15_000;
const kVerifyMs = 600_000;
// Of a metric's curve beside those of other runs.
const kPointsOfRun = 320;
const kPointsOfRunMin = 40;
const kPointsOfAll = 5000;
export const kCurvesMax = 24;
const kRunsNamedMax = 8;
const kFilesListed = 2000; // of a folder
const kExperimentsOfPage = 1000;
const kTableRowsMax = 1000; // of one answer

// A failed request, in words for people. `gone`: nothing answered at all.
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly gone = false,
  ) {
    super(message);
  }
}

// `otherwise` where it is not there; any other failure stays one.
export const ifAbsent = <T, U>(asked: Promise<T>, otherwise: U, statuses = [404]): Promise<T | U> =>
  asked.catch((problem: unknown) => {
    if (problem instanceof ApiError && statuses.includes(problem.status)) return otherwise;
    throw problem;
  });

function sentenceOf(status: number, body: unknown): string {
  if (typeof body === "object" && body !== null) {
    const { error, message } = body as { error?: { message?: unknown } | string; message?: unknown };
    if (typeof error === "string") return error; // the Open Inference Protocol's
    if (typeof error?.message === "string") return error.message;
    if (typeof message === "string") return message; // MLflow's envelope
  }
  return `The server answered with status ${status}.`;
}

async function answer(path: string, init: RequestInit, signal?: AbortSignal, timeoutMs = kTimeoutMs): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new ApiError(
      timeout.aborted
        ? `The server at ${location.host} took longer than ${timeoutMs / 1000} seconds.`
        : `The server at ${location.host} does not answer.`,
      0,
      true,
    );
  }
  if (response.ok) return response;
  throw new ApiError(sentenceOf(response.status, await response.json().catch(() => null)), response.status);
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await answer(path, {}, signal)).json()) as T;
}

// A part of a file, as text; whether there is more of it.
async function part(path: string, range: string, signal?: AbortSignal): Promise<{ text: string; isCut: boolean }> {
  const reply = await answer(path, { headers: { Range: range } }, signal).catch((problem: unknown) => {
    if (problem instanceof ApiError && problem.status === 416) return null; // it is empty
    throw problem;
  });
  const [, from, to, all] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply?.headers.get("Content-Range") ?? "")?.map(Number) ?? [0, 0, 0, 0];
  return { text: (await reply?.text()) ?? "", isCut: (to ?? 0) - (from ?? 0) + 1 < (all ?? 0) };
}

async function post<T>(path: string, body: object, signal?: AbortSignal): Promise<T> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await (await answer(path, init, signal)).json()) as T;
}

const own = (...parts: string[]) => "/slipway/v1/" + parts.map(encodeURIComponent).join("/");
const mlflow = "/api/2.0/mlflow/";

// ---- what others have told of their jobs and datasets

export interface ToldNode {
  key: string;
  kind: "job" | "dataset";
  namespace: string;
  name: string;
  needs: string[]; // keys
  same_as?: string[];
  own?: string; // our dataset that it is
  version?: string;
  run?: { id: string; state: string; last_time: string };
}

export interface ToldGraph {
  start: string[];
  nodes: ToldNode[];
  cut: boolean;
}

export interface ToldColumns {
  facets: { columnLineage?: { fields?: Record<string, { inputFields?: { namespace: string; name: string; field: string }[] }> } };
}

// A text in MLflow's filters, which know no other way to have a quote in one.
const quoted = (text: string) => (text.includes("'") ? `"${text}"` : `'${text}'`);

export const api = {
  clock: (s?: AbortSignal) => get<Clock>(own("clock"), s),
  overview: (s?: AbortSignal) => get<Overview>(own("overview"), s),
  eventsPath: (filter: EventFilter) => `${own("events")}?${new URLSearchParams({ order: "newest", ...filter })}`,
  events: async (filter: EventFilter, s?: AbortSignal) => (await get<{ events: Event[] }>(api.eventsPath(filter), s)).events,
  // All of the record is read.
  verifyEvents: async () => (await (await answer(own("events", "verify"), {}, undefined, kVerifyMs)).json()) as { events: number; sealed: number; head: string },

  endpoints: async (s?: AbortSignal) => (await get<{ endpoints: Endpoint[] }>(own("endpoints"), s)).endpoints,
  endpoint: (name: string, s?: AbortSignal) => get<Endpoint>(own("endpoints", name), s),
  revisions: async (name: string, s?: AbortSignal) =>
    (await get<{ revisions: Revision[] }>(own("endpoints", name, "revisions"), s)).revisions,
  costs: async (name: string, s?: AbortSignal) =>
    (await get<{ versions: VersionCost[] }>(own("endpoints", name, "cost"), s)).versions,
  // Nobody where login is off.
  me: (s?: AbortSignal): Promise<Me | null> =>
    ifAbsent(get<Me>(own("me"), s), null),
  users: async (s?: AbortSignal) => (await get<{ users: User[] }>(mlflow + "users/list", s)).users,
  roles: async (s?: AbortSignal) => (await get<{ roles: Role[] }>("/api/3.0/mlflow/roles/list?workspace=default", s)).roles,
  permissionsOf: (user: string, s?: AbortSignal) => get<Held>(`/api/3.0/mlflow/users/permissions/list?username=${encodeURIComponent(user)}`, s),
  tokens: async (user: string, s?: AbortSignal) => (await get<{ tokens: Token[] }>(`${own("tokens")}?user=${encodeURIComponent(user)}`, s)).tokens,
  makeToken: (user: string, name: string, seconds?: number) => post<NewToken>(own("tokens"), { user, name, ...(seconds === undefined ? {} : { expires_in_seconds: seconds }) }),
  takeTokenBack: (id: string) => answer(own("tokens", id), { method: "DELETE" }),
  allCostsPath: own("costs"),
  allCosts: async (s?: AbortSignal) => (await get<{ versions: VersionCost[] }>(api.allCostsPath, s)).versions,
  advicePath: (name: string, target: Record<string, string>) => `${own("endpoints", name, "advice")}?${new URLSearchParams(target)}`,
  advice: (name: string, target: Record<string, string>, s?: AbortSignal) => get<Advice>(api.advicePath(name, target), s),
  inferPath: (name: string) => `/v2/models/${encodeURIComponent(name)}/infer`,
  infer: (name: string, request: object) => post<InferenceReply>(api.inferPath(name), request),
  signature: (name: string, s?: AbortSignal) => get<{ inputs: InferenceInput[] }>(`/v2/models/${encodeURIComponent(name)}`, s),
  inferenceStatsPath: (name: string) => `/v2/models/${encodeURIComponent(name)}/stats`,
  inferenceStats: async (name: string, s?: AbortSignal) => (await get<{ model_stats: InferenceStats[] }>(api.inferenceStatsPath(name), s)).model_stats,
  rollBack: (name: string, reason: string, actor: string) =>
    post<Rollback>(own("endpoints", name, "rollback"), { reason, actor }),
  follow: (name: string, reason: string, actor: string) =>
    post<{ revision: number }>(own("endpoints", name, "follow"), { reason, actor }),
  gates: async (model: string, s?: AbortSignal) =>
    (await get<{ gates: Gate[] }>(own("models", model, "gates"), s)).gates,

  monitorsPath: own("monitors"),
  monitors: async (s?: AbortSignal) => (await get<{ monitors: Monitor[] }>(api.monitorsPath, s)).monitors,
  alarmBudget: (s?: AbortSignal) => get<AlarmBudget>(own("alarm-budget"), s),
  routes: async (s?: AbortSignal) => (await get<{ routes: AlertRoute[] }>(own("routes"), s)).routes,
  quiet: (s?: AbortSignal) => get<Quiet>(own("silences"), s),
  windowsPath: (monitor: string, window: WindowKind) => `${own("monitors", monitor, "windows")}?window=${window}`,
  windows: async (monitor: string, window: WindowKind, s?: AbortSignal) => (await get<{ windows: Window[] }>(api.windowsPath(monitor, window), s)).windows,
  slices: (monitor: string, window: WindowKind, start: string, s?: AbortSignal) =>
    get<WindowSlices>(`${own("monitors", monitor, "slices")}?${new URLSearchParams({ window, start })}`, s),
  bands: async (monitor: string, alert: string, s?: AbortSignal) =>
    (await get<{ bands: UsualBand[] }>(own("monitors", monitor, "alerts", alert, "bands"), s)).bands,
  alerts: async (endpoint: string, s?: AbortSignal) =>
    (await get<{ alerts: Alert[] }>(`${own("alerts")}?endpoint=${encodeURIComponent(endpoint)}`, s)).alerts,

  datasets: async (s?: AbortSignal) => (await get<{ datasets: Dataset[] }>(own("datasets"), s)).datasets,
  datasetPath: (name: string) => own("datasets", name),
  dataset: (name: string, s?: AbortSignal) => get<DatasetVersions>(api.datasetPath(name), s),
  tableDiff: (name: string, from: number, to: number, s?: AbortSignal) =>
    get<TableDiff>(`${own("datasets", name, "diff")}?${new URLSearchParams({ from: String(from), to: String(to) })}`, s),

  repositories: async (s?: AbortSignal) => (await get<{ repositories: DataRepository[] }>(own("data"), s)).repositories,
  repository: (name: string, s?: AbortSignal) => get<StoredRepository>(own("data", name), s),
  dataLog: async (name: string, ref: string, most: number, s?: AbortSignal) =>
    (await get<{ commits: DataCommit[] }>(`${own("data", name, "log")}?${new URLSearchParams({ ref, limit: String(most) })}`, s)).commits,
  dataFolder: (name: string, ref: string, path: string, offset: number, most: number, s?: AbortSignal) =>
    get<DataFolder>(`${own("data", name, "files")}?${new URLSearchParams({ ref, path, offset: String(offset), limit: String(most) })}`, s),
  dataFilePath: (name: string, ref: string, path: string) => `${own("data", name, "file")}?${new URLSearchParams({ ref, path })}`,
  dataChanges: (name: string, from: string, to: string, most: number, s?: AbortSignal) =>
    get<DataChanges>(`${own("data", name, "diff")}?${new URLSearchParams({ from, to, limit: String(most) })}`, s),

  skew: (endpoint: string, s?: AbortSignal) => get<Skew>(`${own("features", "skew")}?endpoint=${encodeURIComponent(endpoint)}`, s),
  featureViews: async (s?: AbortSignal) => (await get<{ views: FeatureViewFacts[] }>(own("features"), s)).views,
  featureServices: (s?: AbortSignal) => get<{ services: { name: string; outputs: { name: string }[] }[] }>(own("features"), s),
  explain: (endpoint: string, request: string, feature: string, s?: AbortSignal) =>
    get<ExplainedRequest>(`${own("features", "explain")}?${new URLSearchParams({ endpoint, request, feature })}`, s),

  features: (s?: AbortSignal) => get<FeatureDefinitions>(own("features"), s),
  request: (endpoint: string, id: string, s?: AbortSignal) => get<LoggedRequest>(own("endpoints", endpoint, "requests", id), s),
  revisionOf: async (endpoint: string, number: number, s?: AbortSignal) =>
    (await get<{ revisions: Revision[] }>(`${own("endpoints", endpoint, "revisions")}?limit=1&before=${number + 1}`, s)).revisions[0],
  // Those whose names have the text in them, and where the rest begins.
  modelsNamed: (text: string, most: number, s?: AbortSignal) =>
    get<{ registered_models?: RegisteredModel[]; next_page_token?: string }>(
      `${mlflow}registered-models/search?${new URLSearchParams({ max_results: String(most), ...(text ? { filter: `name ILIKE ${quoted(`%${text}%`)}` } : {}) })}`,
      s,
    ),
  registeredModel: async (name: string, s?: AbortSignal) =>
    (await get<{ registered_model: RegisteredModel }>(`${mlflow}registered-models/get?${new URLSearchParams({ name })}`, s)).registered_model,
  // Newest first.
  modelVersions: (name: string, most: number, s?: AbortSignal) =>
    get<{ model_versions?: ModelVersion[]; next_page_token?: string }>(
      `${mlflow}model-versions/search?${new URLSearchParams({ filter: `name = ${quoted(name)}`, max_results: String(most), order_by: "version_number DESC" })}`,
      s,
    ),
  aliases: async (model: string, s?: AbortSignal) => (await get<{ aliases: ModelAlias[] }>(own("models", model, "aliases"), s)).aliases,
  movesPath: (model: string) => own("models", model, "alias-moves"),
  aliasMoves: async (model: string, s?: AbortSignal) => (await get<{ moves: AliasMove[] }>(api.movesPath(model), s)).moves,
  approveAlias: (model: string, alias: string, version: number, reason: string, actor: string) =>
    post<{ aliases: ModelAlias[] }>(own("models", model, "aliases", alias, "approve"), { version, reason, actor }),
  modelVersion: async (name: string, version: string, s?: AbortSignal) =>
    (await get<{ model_version: ModelVersion }>(`${mlflow}model-versions/get?${new URLSearchParams({ name, version })}`, s)).model_version,
  versionsOfRun: async (run: string, s?: AbortSignal) =>
    (await get<{ model_versions?: ModelVersion[] }>(`${mlflow}model-versions/search?${new URLSearchParams({ filter: `run_id = '${run}'` })}`, s)).model_versions ?? [],
  run: async (id: string, s?: AbortSignal) => (await get<{ run: Run }>(`${mlflow}runs/get?run_id=${encodeURIComponent(id)}`, s)).run,
  runsOfPipelineRun: async (id: string, s?: AbortSignal) => {
    const experiments = (await api.experiments(s)).map(({ experiment_id }) => experiment_id);
    if (experiments.length === 0) return [];
    const query = { experiment_ids: experiments, filter: `tags."slipway.run_id" = "${id.replace(/[^0-9a-z-]/gi, "")}"`, max_results: 100 };
    return (await post<{ runs?: Run[] }>(mlflow + "runs/search", query, s)).runs ?? [];
  },

  drillsPath: (endpoint: string) => own("endpoints", endpoint, "drills"),
  toldGraph: (of: string, s?: AbortSignal) => get<ToldGraph>(`${own("lineage", "graph")}?${new URLSearchParams({ of })}`, s),
  toldDataset: (namespace: string, name: string, s?: AbortSignal) => get<ToldColumns>(`${own("lineage", "dataset")}?${new URLSearchParams({ namespace, name })}`, s),

  drills: async (endpoint: string, s?: AbortSignal) => (await get<{ drills: DrillSummary[] }>(api.drillsPath(endpoint), s)).drills,
  drill: (endpoint: string, id: number, s?: AbortSignal) => get<KeptDrill>(own("endpoints", endpoint, "drills", String(id)), s),

  acknowledge: (alert: number, comment: string, actor: string) =>
    post<Alert>(own("alerts", String(alert), "acknowledge"), { comment, actor }),
  silence: (match: string[], length: string, comment: string, actor: string) =>
    post<{ id: number }>(own("silences"), { match, for: length, comment, actor }),

  incidents: async (s?: AbortSignal) => (await get<{ incidents: Incident[] }>(own("incidents"), s)).incidents,
  incident: (id: string, s?: AbortSignal) => get<IncidentReport>(own("incidents", id), s),
  noteIncident: (id: number, text: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "notes"), { text, actor }),
  assignIncident: (id: number, owner: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "assign"), { owner, actor }),
  setIncidentState: (id: number, state: IncidentState, reason: string, actor: string) =>
    post<Incident>(own("incidents", String(id), "state"), { state, reason, actor }),
  postMortemPath: (id: number) => own("incidents", String(id), "post-mortem"),

  pipelines: async (s?: AbortSignal) => (await get<{ pipelines: Pipeline[] }>(own("pipelines"), s)).pipelines,
  pipelineRuns: async (pipeline: string, s?: AbortSignal) =>
    (await get<{ runs: ListedRun[] }>(`${own("pipelines", pipeline, "runs")}?steps=true`, s)).runs,
  newestPipelineRuns: async (pipeline: string, most: number, s?: AbortSignal) =>
    (await get<{ runs: Omit<PipelineRun, "steps">[] }>(`${own("pipelines", pipeline, "runs")}?limit=${most}`, s)).runs,
  searchesPath: `${own("searches")}?limit=500`,
  searches: async (s?: AbortSignal) => (await get<{ searches: ListedSearch[] }>(api.searchesPath, s)).searches,
  schedules: async (s?: AbortSignal) => (await get<{ schedules: Schedule[] }>(own("schedules"), s)).schedules,
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
  pipelineRun: (id: string, s?: AbortSignal) => get<PipelineRun>(own("pipeline-runs", id), s),
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

  experiments: async (s?: AbortSignal) => {
    const all: Experiment[] = [];
    let token: string | undefined;
    do {
      const query = { max_results: kExperimentsOfPage, ...(token && { page_token: token }) };
      const page = await post<{ experiments?: Experiment[]; next_page_token?: string }>(mlflow + "experiments/search", query, s);
      all.push(...(page.experiments ?? []));
      token = page.next_page_token;
    } while (token);
    return all;
  },
  experiment: async (id: string, s?: AbortSignal) => (await get<{ experiment: Experiment }>(`${mlflow}experiments/get?experiment_id=${encodeURIComponent(id)}`, s)).experiment,
  runTablePath: ({ experiment, filter, order, columns, group }: TableQuery, offset: number, limit: number, view: number | null) => {
    const query = new URLSearchParams({ columns: columns.join(","), offset: String(offset), limit: String(limit), ...(filter && { filter }), ...(order && { order_by: order }), ...(view && { view: String(view) }) });
    if (group) query.set("group", group.column);
    if (group && group.value !== null) query.set("value", group.value);
    return `${own("experiments", experiment, "table")}?${query}`;
  },
  runTable: (query: TableQuery, offset: number, limit: number, view: number | null, s?: AbortSignal) => get<RunTable>(api.runTablePath(query, offset, limit, view), s),
  // The first `most` runs, by one order that is kept meanwhile.
  runTables: async (query: TableQuery, most: number, s?: AbortSignal): Promise<RunTable[]> => {
    const { view } = await api.runTable(query, kTableRowsMax, 1, null, s); // a page so deep makes the order
    const pages: RunTable[] = [];
    for (let offset = 0, total = most; offset < Math.min(most, total); offset += kTableRowsMax) {
      const page = await api.runTable(query, offset, Math.min(kTableRowsMax, most - offset), view, s);
      total = page.total;
      pages.push(page);
    }
    return pages;
  },
  runColumns: (experiment: string, prefix: string, contains: string, limit: number, s?: AbortSignal) =>
    get<RunColumns>(`${own("experiments", experiment, "columns")}?${new URLSearchParams({ prefix, contains, limit: String(limit) })}`, s),
  runGroupsPath: (experiment: string, by: string, filter: string, metrics: string[], contains: string, limit: number) =>
    `${own("experiments", experiment, "groups")}?${new URLSearchParams({ by, limit: String(limit), ...(filter && { filter }), ...(metrics.length > 0 && { metrics: metrics.join(",") }), ...(contains && { contains }) })}`,
  runGroups: (experiment: string, by: string, filter: string, metrics: string[], contains: string, limit: number, s?: AbortSignal) =>
    get<RunGroups>(api.runGroupsPath(experiment, by, filter, metrics, contains, limit), s),
  // Of these experiments, the newest whose name has these letters; of all, the one with this id.
  runsNamed: async (letters: string, experiments: string[], s?: AbortSignal): Promise<Run[]> => {
    const plain = letters.replace(/["'\\%_]/g, "");
    if (plain === "" || experiments.length === 0) return [];
    const filter = `attributes.run_name ILIKE "%${plain}%"`;
    const query = { experiment_ids: experiments, filter, max_results: kRunsNamedMax, order_by: ["attributes.start_time DESC"] };
    const named = (await post<{ runs?: Run[] }>(mlflow + "runs/search", query, s)).runs ?? [];
    if (!/^[0-9a-f]{32}$/.test(plain)) return named;
    const run = await ifAbsent(api.run(plain, s), undefined);
    return run ? [run, ...named] : named;
  },
  runsById: async (ids: string[], s?: AbortSignal): Promise<Run[]> => {
    const experiments = (await api.experiments(s)).map(({ experiment_id }) => experiment_id);
    const query = { experiment_ids: experiments, filter: `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`, max_results: ids.length };
    const found = new Map(((await post<{ runs?: Run[] }>(mlflow + "runs/search", query, s)).runs ?? []).map((run) => [run.info.run_id, run]));
    return ids.flatMap((id) => found.get(id) ?? []);
  },
  historiesPath: (ids: string[], metric: string) => {
    const points = Math.round(Math.min(kPointsOfRun, Math.max(kPointsOfRunMin, kPointsOfAll / ids.length)));
    return `${mlflow}metrics/get-history-bulk-interval?${new URLSearchParams([...ids.map((id) => ["run_ids", id]), ["metric_key", metric], ["max_results", String(points)]])}`;
  },
  // A metric's points, thinned, by run.
  histories: async (ids: string[], metric: string, s?: AbortSignal): Promise<Metric[][]> => {
    const { metrics = [] } = await get<{ metrics?: (Metric & { run_id: string })[] }>(api.historiesPath(ids, metric), s);
    return ids.map((id) => metrics.filter(({ run_id }) => run_id === id));
  },
  registeredModels: async (s?: AbortSignal) =>
    (await get<{ registered_models?: RegisteredModel[] }>(`${mlflow}registered-models/search?max_results=1000`, s)).registered_models ?? [],
  curvesPath: (run: string) => `${own("runs", run, "metrics", "curves")}?limit=${kCurvesMax}`,
  runAndCurves: async (id: string, s?: AbortSignal): Promise<RunAndCurves> => {
    const [{ run }, { curves }] = await Promise.all([
      get<{ run: Run }>(`${mlflow}runs/get?run_id=${encodeURIComponent(id)}`, s),
      get<{ curves: Metric[][] }>(api.curvesPath(id), s),
    ]);
    return { run, curves };
  },
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
  runFileBeginning: (run: string, path: string, most: number, s?: AbortSignal) => part(api.runFilePath(run, path), `bytes=0-${most - 1}`, s),
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
