import { Alert, Anchor, Button, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, isFinal, kNote, type Run, type RunAndCurves, type RunTable, together } from "../api";
import { Description, EditDialog, Tags } from "../components/editor";
import { useLive, useOnceMore } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Pairs } from "../components/pairs";
import { Command, Fact, Facts, Head, Time, Word } from "../components/words";
import { duration } from "../lib/format";
import { chosen, readMetricChoice } from "../lib/metric_choice";
import { modelPath } from "../registry/models";
import { isSystem, RunConsole, SystemMetrics, systemMetrics } from "./run_console";
import { RunCurves } from "./run_curves";
import { ChildRuns, kChildrenShown, ParentRun } from "./run_family";
import { RunFiles } from "./run_files";
import { useWatchedRun } from "./watched_run";

const kViews = { "": "Overview", files: "Artifacts", console: "Console", system: "System metrics", reproduce: "Reproduce" };
const kAroundSeconds = 15; // for its child runs, while it goes on
type View = keyof typeof kViews;

export function RunPage() {
  const { id = "" } = useParams();
  return <OneRun key={id} id={id} />;
}

function OneRun({ id }: { id: string }) {
  const choice = readMetricChoice(useSearchParams()[0]);
  const loaded = useWatchedRun(id, `${choice.page} ${choice.asked}`, (all) => chosen(all.filter((name) => !isSystem(name)), choice).names);
  const info = loaded.data?.run.info;
  const experiment = info?.experiment_id ?? "";
  const around = useLive(
    async (signal) => {
      if (!experiment) return null;
      const [of, children] = await together(() => Promise.all([api.experiment(experiment, signal), api.runsOfParent(id, experiment, kChildrenShown, signal)]), signal);
      return { name: of.name, children };
    },
    experiment,
    info && !isFinal(info.status) ? kAroundSeconds : Infinity,
  );
  useOnceMore(info && isFinal(info.status), around.reload);
  const trail: [string, string][] = [["Experiments", "/experiments"]];
  if (info) trail.push([around.data?.name ?? `Experiment ${info.experiment_id}`, `/experiments/${encodeURIComponent(info.experiment_id)}`]);
  return (
    <>
      <Head title={info?.run_name || id} trail={trail} words={info && <Word of={info.status} />}>
        <Anchor component={Link} to={`/lineage?of=${encodeURIComponent(id)}`}>
          Lineage
        </Anchor>
        {info && <RunDeeds info={info} changed={loaded.reload} />}
      </Head>
      <Loaded from={loaded}>{(data) => <Views {...data} childRuns={around.data?.children} changed={loaded.reload} />}</Loaded>
    </>
  );
}

function RunDeeds({ info: { run_id, run_name, lifecycle_stage }, changed }: { info: Run["info"]; changed: () => void }) {
  const [asked, setAsked] = useState<"rename" | "delete" | "restore">();
  const close = () => setAsked(undefined);
  const and = (act: (...typed: string[]) => Promise<unknown>) => async (...typed: string[]) => {
    await act(...typed);
    changed();
  };
  const isDeleted = lifecycle_stage === "deleted";
  return (
    <>
      {isDeleted ? (
        <Button size="xs" variant="default" onClick={() => setAsked("restore")}>
          Restore
        </Button>
      ) : (
        <Group gap="xs">
          <Button size="xs" variant="default" onClick={() => setAsked("rename")}>
            Rename
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsked("delete")}>
            Delete
          </Button>
        </Group>
      )}
      {asked === "rename" && <EditDialog title="Rename the run" verb="Rename" fields={[{ label: "Name", value: run_name, isRequired: true }]} close={close} act={and((name = "") => api.renameRun(run_id, name.trim()))} />}
      {asked === "delete" && (
        <EditDialog title={`Delete ${run_name || run_id}?`} verb="Delete" color="red" fields={[]} close={close} act={and(() => api.deleteRun(run_id))}>
          <Text size="sm">It leaves tables and searches. Until the server takes deleted runs away for good, it can be restored here and where its experiment lists what was deleted.</Text>
        </EditDialog>
      )}
      {asked === "restore" && <EditDialog title={`Restore ${run_name || run_id}?`} verb="Restore" fields={[]} close={close} act={and(() => api.restoreRun(run_id))} />}
    </>
  );
}

// The address says which part of the run is looked at: `view`.
function Views(data: RunAndCurves & { childRuns: RunTable | undefined; changed: () => void }) {
  const [query] = useSearchParams();
  const asked = query.get("view") ?? "";
  const view = (Object.hasOwn(kViews, asked) ? asked : "") as View;
  const { run } = data;
  return (
    <>
      {run.info.lifecycle_stage === "deleted" && <Alert color="gray" variant="light" mb="sm" title="This run is deleted: it is in no table and can't be changed." />}
      <nav aria-label="Parts of the run" className="parts">
        {Object.entries(kViews).map(([name, title]) => (
          <Link key={name} to={name ? `?view=${name}` : "?"} className={name === view ? "nav active" : "nav"} aria-current={name === view ? "page" : undefined}>
            {title}
            {name === "system" && systemMetrics(run).length > 0 && ` (${systemMetrics(run).length})`}
          </Link>
        ))}
      </nav>
      {view === "" && <RunBody {...data} />}
      {view === "files" && <RunFiles run={run.info.run_id} />}
      {view === "console" && <RunConsole run={run} />}
      {view === "system" && <SystemMetrics run={run} />}
      {view === "reproduce" && <Reproduce run={run} />}
    </>
  );
}

function Reproduce({ run }: { run: Run }) {
  const has = (key: string) => run.data.tags?.some((tag) => tag.key === key) ?? false;
  const flags = has("slipway.run_id") ? "" : " --repository FOLDER";
  return (
    <Stack gap="xs">
      <Text size="sm">From its commit, its data and its environment, and then compared with what it logged:</Text>
      <Command>{`slipway --url ${location.origin} runs reproduce ${run.info.run_id}${flags}`}</Command>
      {flags && <Text size="sm">FOLDER is the clone of the repository that has its commit: no pipeline has started this run.</Text>}
      {flags && !has("mlflow.source.git.commit") && <Text size="sm">No commit was logged, so its code can't be brought back.</Text>}
    </Stack>
  );
}

function RunBody({ run, curves, childRuns, changed }: RunAndCurves & { childRuns: RunTable | undefined; changed: () => void }) {
  const { info, data, inputs } = run;
  const metrics = useMemo(() => data.metrics ?? [], [data.metrics]);
  const params = useMemo(() => data.params ?? [], [data.params]);
  const tags = useMemo(() => (data.tags ?? []).filter((tag) => tag.key !== kNote && tag.value.length < 2000), [data.tags]);
  const note = data.tags?.find(({ key }) => key === kNote)?.value ?? "";
  const edit = useMemo(() => api.runEdits(info.run_id), [info.run_id]);
  const hasModel = (run.outputs?.model_outputs ?? []).length > 0 || (data.tags ?? []).some(({ key }) => key === "mlflow.log-model.history");
  const versions = useLive((signal) => (hasModel ? api.versionsOfRun(info.run_id, signal) : Promise.resolve([])), `${info.run_id} ${hasModel}`, Infinity, hasModel ? ["models"] : []);
  const call = api.runPath(info.run_id);
  return (
    <Stack gap="lg">
      <Facts>
        <Fact name="Started">
          <Time at={info.start_time} />
        </Fact>
        <Fact name="Took">{info.end_time ? duration((info.end_time - info.start_time) / 1000) : "–"}</Fact>
        <Fact name="By">{info.user_id || "–"}</Fact>
        <Fact name="Data">
          {(inputs.dataset_inputs ?? []).map(({ dataset }) => `${dataset.name} (${dataset.digest})`).join(", ") || "–"}
        </Fact>
        {(versions.data ?? []).length > 0 && (
          <Fact name="Registered as">
            {versions.data?.map(({ name, version }) => (
              <Anchor key={`${name} ${version}`} component={Link} to={modelPath(name, version)} mr={8}>
                {name} {version}
              </Anchor>
            ))}
          </Fact>
        )}
        <Fact name="Id">
          <Code>{info.run_id}</Code>
        </Fact>
      </Facts>
      <Description of="the run" text={note} edit={edit} changed={changed} />
      <ParentRun run={run} />
      {childRuns && childRuns.total > 0 && <ChildRuns run={run} table={childRuns} />}
      {metrics.length === 0 && <Empty title="No metric has been logged." />}
      <RunCurves run={info.run_id} names={metrics.map(({ key }) => key).filter((name) => !isSystem(name))} curves={curves} />
      <SimpleGrid cols={{ base: 1, md: 3 }} spacing="lg">
        <Pairs title="Metrics" pairs={metrics} call={call} />
        <Pairs title="Parameters" pairs={params} call={call} />
        <Tags title="Tags" pairs={tags} call={call} edit={edit} changed={changed} />
      </SimpleGrid>
    </Stack>
  );
}
