import { Anchor, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMemo } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, kCurvesMax, type Run, type RunAndCurves } from "../api";
import { Chart } from "../components/chart";
import { Empty, Loaded } from "../components/loaded";
import { Pairs } from "../components/pairs";
import { Command, Fact, Head, Time, Word } from "../components/words";
import { duration } from "../lib/format";
import { curve } from "../lib/series";
import { isSystem, RunConsole, SystemMetrics, systemMetrics } from "./run_console";
import { RunFiles } from "./run_files";
import { useWatchedRun } from "./watched_run";

const kViews = { "": "What it logged", files: "Files", console: "Console", system: "System metrics", reproduce: "Make it again" };
type View = keyof typeof kViews;

export function RunPage() {
  const { id = "" } = useParams();
  return <OneRun key={id} id={id} />;
}

function OneRun({ id }: { id: string }) {
  const loaded = useWatchedRun(id);
  const info = loaded.data?.run.info;
  const trail: [string, string][] = [["Experiments", "/experiments"]];
  if (info) trail.push(["Runs", `/experiments/${encodeURIComponent(info.experiment_id)}`]);
  return (
    <>
      <Head title={info?.run_name || id} trail={trail} words={info && <Word of={info.status} />}>
        <Anchor component={Link} to={`/lineage?of=${encodeURIComponent(id)}`}>
          Lineage
        </Anchor>
      </Head>
      <Loaded from={loaded}>{(data) => <Views {...data} />}</Loaded>
    </>
  );
}

// The address says which part of the run is looked at: `view`.
function Views(data: RunAndCurves) {
  const [query] = useSearchParams();
  const asked = query.get("view") ?? "";
  const view = (Object.hasOwn(kViews, asked) ? asked : "") as View;
  const { run } = data;
  return (
    <>
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

function RunBody({ run, curves }: RunAndCurves) {
  const { info, data, inputs } = run;
  const metrics = useMemo(() => data.metrics ?? [], [data.metrics]);
  const params = useMemo(() => data.params ?? [], [data.params]);
  const tags = useMemo(() => (data.tags ?? []).filter((tag) => tag.value.length < 2000), [data.tags]);
  const call = api.runPath(info.run_id);
  const drawn = curves.filter((points) => points.length > 1 && !isSystem(points[0]?.key));
  return (
    <Stack gap="lg">
      <Group gap="xl">
        <Fact name="Started">
          <Time at={info.start_time} />
        </Fact>
        <Fact name="Took">{info.end_time ? duration((info.end_time - info.start_time) / 1000) : "–"}</Fact>
        <Fact name="By">{info.user_id || "–"}</Fact>
        <Fact name="Data">
          {(inputs.dataset_inputs ?? []).map(({ dataset }) => `${dataset.name} (${dataset.digest})`).join(", ") || "–"}
        </Fact>
        <Fact name="Id">
          <Code>{info.run_id}</Code>
        </Fact>
      </Group>
      {metrics.length === 0 && <Empty title="No metric has been logged." />}
      {drawn.length > 0 && (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
          {drawn.map((points) => {
            const { axis, ...table } = curve(points);
            return <Chart key={points[0]?.key} title={points[0]?.key ?? ""} table={table} xLabel={axis} height={170} call={api.curvesPath(info.run_id)} />;
          })}
        </SimpleGrid>
      )}
      {metrics.length > kCurvesMax && (
        <Text size="sm" c="dimmed">
          The first {kCurvesMax} of {metrics.length} metrics are drawn; the table has the last value of each.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, md: 3 }} spacing="lg">
        <Pairs title="Metrics" pairs={metrics} call={call} />
        <Pairs title="Parameters" pairs={params} call={call} />
        <Pairs title="Tags" pairs={tags} call={call} />
      </SimpleGrid>
    </Stack>
  );
}
