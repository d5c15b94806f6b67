// What something was made from and what was made of it, as the server knows it: asked for step by step, from any id.
import { api, type Endpoint, type FeatureDefinitions, ifAbsent, type LoggedRequest, type Run, type ToldGraph, type ToldNode, together } from "../api";

export interface Made {
  key: string; // "model version models:/sale/1"
  kind: string;
  title: string;
  detail: string;
  to: string | undefined; // its screen
  of: string | undefined; // its own lineage
  needs: string[]; // keys of what it was made from
}

const kCodeShown = 8; // files of code of a pipeline's run; the others are counted
const kFirst = "models:/";

// Where a walk through the definitions begins: at all of a dataset, a column of it (or of any), or a feature by its name, with or without its view.
type Start = { dataset: string } | { column: string; of?: string } | { feature: string };

// A feature of a view, with what it is computed from.
interface Computed {
  feature: string;
  view: string;
  dataset: string | undefined; // undefined: it is computed from the request
  reads: string[]; // columns of the dataset; else of the request, and other features
  around: string[]; // columns of the dataset that say which rows count: keys, times
}

export function computed({ sources, views }: Pick<FeatureDefinitions, "sources" | "views">): Computed[] {
  return views.flatMap(({ name: view, source: named, keys, features, reads }) => {
    const source = sources.find(({ name }) => name === named);
    const around = source ? [...keys, source.event_time, source.arrival_time, ...source.deduplication_key] : [];
    return features.map((feature) => ({ feature, view, dataset: source?.dataset, reads: reads[feature] ?? [], around }));
  });
}

const isNamed = (feature: string, name: string) => feature === name || feature.endsWith(`__${name}`);

// The features where a walk begins; what they are computed from, where one of them was asked for; and what is computed from them.
export function walked(all: Computed[], start: Start): { before: Computed[]; first: Computed[]; after: Computed[] } {
  const first = all.filter((one) => {
    if ("feature" in start) return isNamed(one.feature, start.feature);
    if ("dataset" in start) return one.dataset === start.dataset;
    return one.dataset !== undefined && (start.of === undefined || one.dataset === start.of) && [...one.reads, ...one.around].includes(start.column);
  });
  const readsOne = (one: Computed, of: Computed[]) => one.dataset === undefined && one.reads.some((name) => of.some(({ feature }) => feature === name));
  const before = "feature" in start ? all.filter((one) => !first.includes(one) && first.some((of) => readsOne(of, [one]))) : [];
  const isOfRequest = (one: Computed) => "feature" in start && one.dataset === undefined && one.reads.includes(start.feature);
  const after = all.filter((one) => !first.includes(one) && !before.includes(one) && (readsOne(one, first) || isOfRequest(one)));
  return { before, first, after };
}

const path = (...parts: string[]) => "/" + parts.map(encodeURIComponent).join("/");

class Trace {
  readonly found = new Map<string, Made>();
  constructor(private readonly signal: AbortSignal) {}

  private add(kind: string, id: string, rest: { title?: string; detail?: string; to?: string; of?: string }): { made: Made; isNew: boolean } {
    const key = `${kind} ${id}`;
    const known = this.found.get(key);
    if (known) return { made: known, isNew: false };
    const made: Made = { key, kind, title: rest.title ?? id, detail: rest.detail ?? "", to: rest.to, of: rest.of, needs: [] };
    this.found.set(key, made);
    return { made, isNew: true };
  }
  private link(from: string, to: Made) {
    if (!to.needs.includes(from)) to.needs.push(from);
  }

  // ---- back: what something was made from; gives the key of it

  async prediction(endpoint: string, id: string, { request, labels }: LoggedRequest): Promise<string> {
    const live = request.variants.filter(({ role }) => role === "live");
    const label = labels.at(-1);
    const { made } = this.add("prediction", id, {
      to: `${path("endpoints", endpoint, "features")}?request=${encodeURIComponent(id)}`,
      detail: [live.map(({ prediction }) => String(prediction)).join(", "), `at ${request.event_time}`, label && `label ${String(label.value)}`].filter(Boolean).join(", "),
      of: id,
    });
    const revision = await api.revisionOf(endpoint, request.revision, this.signal);
    const names = new Set(live.map(({ variant }) => variant));
    if (revision) this.link(await this.revision(endpoint, revision.number, `${revision.kind} by ${revision.actor}: ${revision.reason}`, revision.variants.filter(({ name }) => names.has(name))), made);
    return made.key;
  }

  private async revision(endpoint: string, number: number, detail: string, variants: { model: string; version: number }[]): Promise<string> {
    const { made } = this.add("revision", `${endpoint}/${number}`, { detail, to: path("endpoints", endpoint) });
    for (const { model, version } of variants) this.link(await this.version(model, String(version)), made);
    return made.key;
  }

  async version(model: string, version: string): Promise<string> {
    const id = `${kFirst}${model}/${version}`;
    const { made, isNew } = this.add("model version", id, { title: `${model} ${version}`, of: id });
    if (!isNew) return made.key;
    const [found, gates] = await together(() => Promise.all([api.modelVersion(model, version), api.gates(model).catch(() => [])]), this.signal);
    made.detail = found.source;
    if (found.run_id) made.to = path("runs", found.run_id);
    for (const gate of gates.filter(({ promoted_version }) => String(promoted_version) === version)) this.link(this.add("gate", gate.id, { detail: gate.sentence }).made.key, made);
    if (found.run_id) this.link(await this.run(found.run_id), made);
    return made.key;
  }

  async run(id: string, known?: Run): Promise<string> {
    const { made, isNew } = this.add("run", id, { to: path("runs", id), of: id });
    if (!isNew) return made.key;
    const run = known ?? (await api.run(id, this.signal));
    const tag = (name: string) => run.data.tags?.find(({ key }) => key === name)?.value;
    made.title = run.info.run_name || id;
    made.detail = [run.info.status.toLowerCase(), run.info.user_id && `by ${run.info.user_id}`].filter(Boolean).join(", ");
    for (const { dataset } of run.inputs.dataset_inputs ?? []) this.link(this.add("data", `${dataset.name} ${dataset.digest}`, { title: dataset.name, detail: dataset.digest }).made.key, made);
    const pipelineRun = tag("slipway.run_id");
    const commit = tag("mlflow.source.git.commit");
    if (pipelineRun) this.link(await this.pipelineRun(pipelineRun), made);
    else if (commit) this.link(this.commit(commit), made);
    return made.key;
  }

  private commit(id: string): string {
    return this.add("commit", id, { title: id.slice(0, 12), detail: id }).made.key;
  }

  async pipelineRun(id: string): Promise<string> {
    const { made, isNew } = this.add("pipeline run", id, { to: path("pipeline-runs", id), of: id });
    if (!isNew) return made.key;
    const run = await api.pipelineRun(id, this.signal);
    made.title = run.pipeline;
    made.detail = `${id}, ${run.state}${run.reason && `: ${run.reason}`}`;
    if (run.source.commit) this.link(this.commit(run.source.commit), made);
    const parts = new Map(run.steps.flatMap((step) => Object.entries(step.key?.parts ?? {})));
    const code = [...parts].filter(([name]) => name.startsWith("code/"));
    for (const [name, digest] of code.slice(0, kCodeShown)) this.link(this.add("code", `${name.slice(5)} ${digest}`, { title: name.slice(5), detail: digest }).made.key, made);
    if (code.length > kCodeShown) this.link(this.add("code", `${id} more`, { title: `${code.length - kCodeShown} more files` }).made.key, made);
    for (const [name, digest] of [...parts].filter(([part]) => part.startsWith("input/"))) this.link(this.input(name.slice(6), digest), made);
    return made.key;
  }

  private input(name: string, digest: string): string {
    const dataset = /^dataset:([^@]+)/.exec(name)?.[1];
    const where = dataset ? { title: dataset, to: path("datasets", dataset), of: `dataset:${dataset}` } : { title: name };
    return this.add(dataset ? "dataset" : "input", dataset ? dataset : `${name} ${digest}`, { ...where, detail: digest }).made.key;
  }

  // ---- forward: what was made of it

  async ofVersion(model: string, version: string, endpoints: Endpoint[]) {
    const key = await this.version(model, version);
    for (const { name, revision } of endpoints) {
      const uses = revision?.variants.filter((each) => each.model === model && String(each.version) === version) ?? [];
      if (!revision || uses.length === 0) continue;
      this.link(key, this.add("revision", `${name}/${revision.number}`, { detail: `${uses.map(({ role }) => role).join(", ")} now: ${revision.kind}, ${revision.reason}`, to: path("endpoints", name) }).made);
    }
  }

  async ofRun(id: string, endpoints: Endpoint[]) {
    for (const { name, version } of await api.versionsOfRun(id, this.signal)) await this.ofVersion(name, version, endpoints);
  }

  async ofPipelineRun(id: string, endpoints: Endpoint[]) {
    for (const run of await api.runsOfPipelineRun(id, this.signal)) {
      await this.run(run.info.run_id, run);
      await this.ofRun(run.info.run_id, endpoints);
    }
  }

  private column(dataset: string, name: string): Made {
    const { made } = this.add("column", `${dataset}.${name}`, { title: name, detail: `of the dataset ${dataset}`, to: path("datasets", dataset), of: `column:${dataset}.${name}` });
    this.link(this.dataset(dataset), made);
    return made;
  }

  private dataset(name: string): string {
    return this.add("dataset", name, { to: path("datasets", name), of: `dataset:${name}` }).made.key;
  }

  // Through what the definitions say to every model that answers with it now. Columns are between a dataset and its features where a
  // column or a feature was asked for: all of them would hide the rest.
  async ofDefinitions(start: Start, endpoints: Endpoint[]) {
    const definitions = await api.features(this.signal);
    const { before, first, after } = walked(computed(definitions), start);
    for (const one of [...before, ...first, ...after]) {
      const { made } = this.add("feature", one.feature, { detail: `of the view ${one.view}, ${one.dataset === undefined ? "computed from the request" : `over ${one.dataset}`}`, of: `feature:${one.feature}` });
      const columns = "column" in start ? [...new Set([...one.reads, ...one.around])].filter((name) => name === start.column) : "feature" in start ? one.reads : [];
      if (one.dataset !== undefined && columns.length === 0) this.link(this.dataset(one.dataset), made);
      if (one.dataset !== undefined) for (const name of columns) this.link(this.column(one.dataset, name).key, made);
    }
    for (const one of [...first, ...after]) {
      const { made } = this.add("feature", one.feature, {});
      if (one.dataset === undefined) for (const name of one.reads) if (this.found.has(`feature ${name}`)) this.link(`feature ${name}`, made);
      for (const service of definitions.services) if (service.outputs.some(({ name }) => name === one.feature)) this.ofService(service, made.key, endpoints);
    }
    if (!("feature" in start)) return;
    for (const service of definitions.services) {
      for (const { name } of service.request.filter((each) => each.name === start.feature)) {
        const { made } = this.add("feature", name, { detail: `sent with the request of ${service.name}`, of: `feature:${name}` });
        for (const one of after) if (one.reads.includes(name)) this.link(made.key, this.add("feature", one.feature, {}).made);
        this.ofService(service, made.key, endpoints);
      }
    }
  }

  // ---- what others have told of: gives the key of what was asked for

  async told({ nodes, start }: ToldGraph): Promise<string> {
    const added = new Map<string, Made>();
    for (const node of nodes) {
      const name = `${node.namespace}/${node.name}`;
      const { made } = this.add(node.kind === "job" ? "foreign job" : "foreign dataset", name, { title: node.name, detail: toldDetail(node), of: name });
      added.set(node.key, made);
    }
    for (const node of nodes) {
      const made = added.get(node.key);
      if (!made) continue;
      for (const need of node.needs) if (added.has(need)) this.link(added.get(need)?.key ?? "", made);
      if (!node.own) continue;
      const ours = this.add("dataset", node.own, { to: path("datasets", node.own), of: `dataset:${node.own}` }).made;
      this.link(made.key, ours);
    }
    const first = nodes.find(({ key }) => key === start[0]);
    const made = first && added.get(first.key);
    if (first?.kind === "dataset" && made) made.detail = [made.detail, await this.columns(first)].filter(Boolean).join("; ");
    return made?.key ?? "";
  }

  private async columns({ namespace, name }: ToldNode): Promise<string> {
    const fields = (await api.toldDataset(namespace, name, this.signal)).facets.columnLineage?.fields ?? {};
    const words = Object.entries(fields).map(([column, { inputFields = [] }]) => `${column} from ${inputFields.map((from) => `${from.name}.${from.field}`).join(", ")}`);
    return words.length > 0 ? `columns: ${words.join("; ")}` : "";
  }

  private ofService({ name: service, version: newest }: { name: string; version: number }, feature: string, endpoints: Endpoint[]) {
    const { made: given } = this.add("feature service", service, { detail: `version ${newest}` });
    this.link(feature, given);
    for (const { name, definition, revision } of endpoints) {
      if (definition.features !== service || !revision) continue;
      for (const { model, version } of revision.variants) {
        const id = `${kFirst}${model}/${version}`;
        const { made } = this.add("model version", id, { title: `${model} ${version}`, detail: `answers at ${name} with the features ${service}`, of: id });
        this.link(given.key, made);
        this.link(made.key, this.add("revision", `${name}/${revision.number}`, { detail: `${revision.kind}: ${revision.reason}`, to: path("endpoints", name) }).made);
      }
    }
  }
}

function toldDetail({ namespace, run, version, same_as = [] }: ToldNode): string {
  return [namespace, run && `${run.state} at ${run.last_time}`, version && `version ${version}`, same_as.length > 0 && `has ${same_as.length} other names here`].filter(Boolean).join(", ");
}

// kinds of ids: models:/NAME/VERSION, dataset:NAME, column:DATASET.COLUMN, feature:NAME, a run, a pipeline's run, a request. Says so when it is none.
// `call`: of the API, that told of what was asked for.
export async function trace(id: string, signal: AbortSignal): Promise<{ start: string; found: Made[]; call: string }> {
  const walk = new Trace(signal);
  const endpoints = await api.endpoints(signal);
  const done = (start: string, call: string) => {
    if (walk.found.size === 0) throw new Error(`Nothing is called ${id}: no feature, column, dataset, run or request has this id.`);
    return { start, found: [...walk.found.values()], call };
  };
  const ofColumn = (noun: string, name: string) => [...walk.found.values()].find(({ kind, title }) => kind === noun && (title === name || title.endsWith(`__${name}`)))?.key ?? "";
  if (id.startsWith(kFirst)) {
    const [, model = "", version = ""] = /^models:\/(.+)\/(\d+)$/.exec(id) ?? [];
    if (!model) throw new Error(`A model version is models:/NAME/VERSION: ${id}`);
    await walk.ofVersion(model, version, endpoints);
    return done(`model version ${id}`, api.modelVersionPath(model, version));
  }
  const [, noun, name = ""] = /^(dataset|feature|column):(.+)$/.exec(id) ?? [];
  if (noun === "column") {
    const dot = name.lastIndexOf("."); // a dataset's name may have one
    await walk.ofDefinitions(dot < 0 ? { column: name } : { column: name.slice(dot + 1), of: name.slice(0, dot) }, endpoints);
    return done(ofColumn("column", name.slice(dot + 1)), api.featuresPath);
  }
  if (noun) {
    await walk.ofDefinitions(noun === "dataset" ? { dataset: name } : { feature: name }, endpoints);
    const told = noun === "dataset" && walk.found.size > 0 ? await ifAbsent(api.toldGraph(id, signal), undefined) : undefined;
    if (told) await walk.told(told);
    return done(ofColumn(noun, name), api.featuresPath);
  }
  if (/^[0-9a-f]{32}$/.test(id)) {
    const run = await ifAbsent(api.run(id, signal), undefined);
    if (run) {
      await walk.run(id, run);
      await walk.ofRun(id, endpoints);
      return done(`run ${id}`, api.runPath(id));
    }
  }
  if (/^[0-9a-f]{16}$/.test(id) && (await ifAbsent(api.pipelineRun(id, signal), undefined))) {
    await walk.pipelineRun(id);
    await walk.ofPipelineRun(id, endpoints);
    return done(`pipeline run ${id}`, api.pipelineRunPath(id));
  }
  const told = async () => {
    const graph = await ifAbsent(api.toldGraph(id, signal), undefined);
    if (!graph) return "";
    const start = await walk.told(graph);
    for (const { own } of graph.nodes) if (own) await walk.ofDefinitions({ dataset: own }, endpoints);
    return start;
  };
  // A name has a slash; a run's id may be a request's as well.
  const named = id.includes("/") && (await told());
  if (named) return done(named, api.toldGraphPath(id));
  for (const { name: endpoint } of endpoints) {
    const logged = await ifAbsent(api.request(endpoint, id, signal), undefined);
    if (logged) return done(await walk.prediction(endpoint, id, logged), api.requestPath(endpoint, id));
  }
  const start = id.includes("/") ? "" : await told();
  if (walk.found.size > 0) return done(start, api.toldGraphPath(id));
  // The name of a column or a dataset, as people type it.
  await walk.ofDefinitions({ feature: id }, endpoints);
  if (walk.found.size > 0) return done(ofColumn("feature", id), api.featuresPath);
  await walk.ofDefinitions({ column: id }, endpoints);
  if (walk.found.size > 0) return done(ofColumn("column", id), api.featuresPath);
  await walk.ofDefinitions({ dataset: id }, endpoints);
  return done(ofColumn("dataset", id), api.featuresPath);
}
