import { Anchor, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link, useParams } from "react-router";
import { api, kCurvesMax, type RunAndCurves } from "../api";
import { Chart } from "../components/chart";
import { Empty, Loaded } from "../components/loaded";
import { Pairs } from "../components/pairs";
import { Fact, Head, Time, Word } from "../components/words";
import { duration, number } from "../lib/format";
import { curve } from "../lib/series";
import { useWatchedRun } from "./watched_run";

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
      <Loaded from={loaded}>{(data) => <RunBody {...data} />}</Loaded>
    </>
  );
}

function RunBody({ run, curves }: RunAndCurves) {
  const { info, data, inputs } = run;
  const metrics = data.metrics ?? [];
  const drawn = curves.filter((points) => points.length > 1);
  const tags = (data.tags ?? []).filter((tag) => tag.value.length < 2000);
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
        <Pairs title="Metrics" pairs={metrics.map(({ key, value }) => ({ key, value: number(value) }))} />
        <Pairs title="Parameters" pairs={data.params ?? []} />
        <Pairs title="Tags" pairs={tags} />
      </SimpleGrid>
    </Stack>
  );
}
