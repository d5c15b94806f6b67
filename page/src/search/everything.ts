// Everything that has a screen of its own, as the search box finds it.
import { api, type Endpoint, type Experiment, type Overview, together } from "../api";
import { plural, time } from "../lib/format";
import type { Found } from "../lib/search";

const kScreens: Found[] = [
  ["Models in production", "/"],
  ["Registry of models", "/models"],
  ["Incidents", "/incidents"],
  ["Experiments", "/experiments"],
  ["Pipelines", "/pipelines"],
  ["Datasets", "/datasets"],
  ["Feature views", "/features"],
  ["Folders", "/data"],
  ["Lineage", "/lineage"],
  ["Searches of parameters", "/searches"],
  ["Cost and capacity", "/cost"],
  ["Audit", "/audit"],
  ["Policies", "/policies"],
  ["Users and tokens", "/users"],
].map(([title = "", to = ""]) => ({ kind: "screen", title, detail: "", to }));

const kOfEndpoint: [string, string][] = [
  ["Monitoring", "/monitoring"],
  ["Drill", "/drills"],
  ["In plain words", "/plain"],
];
const kPipelineRunsSearched = 20; // of each pipeline

const path = (...parts: string[]) => "/" + parts.map(encodeURIComponent).join("/");

// What several of them need is asked for once.
interface Asked {
  overview: Promise<Overview>;
  endpoints: Promise<Endpoint[]>;
}

async function endpoints({ overview }: Asked): Promise<Found[]> {
  return (await overview).models.flatMap((model) => [
    { kind: "model", title: model.name, detail: `at ${model.endpoint}, ${model.health}${model.owner && `, ${model.owner}`}`, to: path("endpoints", model.endpoint) },
    ...(model.endpoint === model.name ? [] : [{ kind: "endpoint", title: model.endpoint, detail: model.name, to: path("endpoints", model.endpoint) }]),
    ...kOfEndpoint.map(([title, to]) => ({ kind: "screen", title: `${title} of ${model.endpoint}`, detail: "", to: path("endpoints", model.endpoint) + to })),
  ]);
}

// Models that are nowhere in charge.
async function models({ overview }: Asked): Promise<Found[]> {
  const [registered, served] = await Promise.all([api.registeredModels(), overview]);
  const inCharge = new Set(served.models.map(({ name }) => name));
  return registered
    .filter(({ name }) => !inCharge.has(name))
    .map(({ name, latest_versions: [newest] = [] }) => ({ kind: "model", title: name, detail: newest ? `version ${newest.version}, not in production` : "no version yet", to: path("models", name) }));
}

async function features({ endpoints }: Asked): Promise<Found[]> {
  const [{ services, views }, all] = await Promise.all([api.features(), endpoints]);
  const found = views.map((view) => ({ kind: "feature view", title: view.name, detail: plural(view.features.length, "feature"), to: path("features", view.name) }));
  return found.concat(all.flatMap(({ name, definition }) => {
    const service = services.find((each) => each.name === definition.features);
    return (service?.outputs ?? []).map((output) => ({ kind: "feature", title: output.name, detail: `as ${name} was served it`, to: path("endpoints", name, "features") }));
  }));
}

async function pipelines(): Promise<Found[]> {
  const all = await api.pipelines(undefined, kPipelineRunsSearched);
  return [
    ...all.map(({ name, steps }) => ({ kind: "pipeline", title: name, detail: steps.map((step) => step.name).join(", "), to: path("pipelines", name) })),
    ...all.map(({ name, steps }) => ({ kind: "action", title: `Run ${name}`, detail: plural(steps.length, "step"), to: path("pipelines", name), deed: { verb: "run" as const, pipeline: name } })),
    ...all.flatMap(({ runs = [] }) => runs).map((run) => ({ kind: "pipeline run", title: run.id, detail: `${run.pipeline}, ${run.state}, ${time(run.now)}`, to: path("pipeline-runs", run.id) })),
  ];
}

// What can be taken back: an endpoint that something good was in charge of before; and the taking back itself.
async function rollbacks({ endpoints }: Asked): Promise<Found[]> {
  return (await endpoints).flatMap(({ name, last_good, rollout }) => {
    const to = path("endpoints", name);
    return [
      ...(last_good === null ? [] : [{ kind: "action", title: `Roll back ${name}`, detail: `to revision ${last_good}`, to, deed: { verb: "roll back" as const, endpoint: name } }]),
      ...(rollout.held ? [{ kind: "action", title: `Follow again ${name}`, detail: `held: ${rollout.held_reason}`, to, deed: { verb: "follow" as const, endpoint: name } }] : []),
    ];
  });
}

async function alerts(): Promise<Found[]> {
  return (await api.openAlerts()).flatMap((alert) => {
    const to = `${path("endpoints", alert.endpoint, "monitoring")}?monitor=${encodeURIComponent(alert.monitor)}`;
    const of = { kind: "action", detail: `open since ${time(alert.time)}`, to };
    return [
      ...(alert.acknowledged ? [] : [{ ...of, title: `Acknowledge ${alert.alert} of ${alert.endpoint}`, deed: { verb: "acknowledge" as const, alert } }]),
      ...(alert.silenced ? [] : [{ ...of, title: `Silence ${alert.alert} of ${alert.endpoint}`, deed: { verb: "silence" as const, alert } }]),
    ];
  });
}

async function incidents(): Promise<Found[]> {
  return (await api.incidents()).map((one) => ({ kind: "incident", title: `${one.id}: ${one.title}`, detail: `${one.endpoint}, ${one.state}`, to: path("incidents", String(one.id)) }));
}

async function datasets(): Promise<Found[]> {
  return (await api.datasets()).map(({ name }) => ({ kind: "dataset", title: name, detail: "", to: path("datasets", name) }));
}

async function folders(): Promise<Found[]> {
  return (await api.repositories()).flatMap(({ name, refs }) => [
    { kind: "folder", title: name, detail: refs.map((ref) => ref.name).join(", "), to: path("data", name) },
    ...refs.filter(({ kind }) => kind === "tag").map((ref) => ({ kind: "version", title: `${name} ${ref.name}`, detail: ref.commit.slice(0, 12), to: `${path("data", name)}?ref=${encodeURIComponent(ref.name)}` })),
  ]);
}

export function asFound(experiments: Experiment[]): Found[] {
  return experiments.map((one) => ({ kind: "experiment", title: one.name, detail: "", to: path("experiments", one.experiment_id) }));
}

const kSources = { endpoints, models, pipelines, datasets, folders, incidents, features, rollbacks, alerts };
export const kNames = Object.keys(kSources);
export const screens = kScreens;

export function findAll(signal: AbortSignal): Record<string, Promise<Found[]>> {
  return together(() => {
    const asked = { overview: api.overview(), endpoints: api.endpoints() };
    return Object.fromEntries(Object.entries(kSources).map(([name, find]) => [name, find(asked)]));
  }, signal);
}

// Runs are too many to have them here: the server is asked for those of the experiments with such a name or id.
export async function findRuns(typed: string, experiments: string[]): Promise<Found[]> {
  return (await api.runsNamed(typed, experiments)).map(({ info }) => ({ kind: "run", title: info.run_name || info.run_id, detail: `${info.status.toLowerCase()}, ${time(info.start_time)}, ${info.run_id}`, to: path("runs", info.run_id) }));
}
