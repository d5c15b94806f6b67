import { Anchor, Button, Code, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { api, type Pipeline, type ListedRun, type RunWithSteps, type Schedule } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";
import { duration, readable } from "../lib/format";
import { Grid } from "./grid";
import { RunDialog } from "./run_dialog";
import { Schedules } from "./schedules";

const kNewest = 5; // of each pipeline where all are shown

interface WithRuns {
  pipeline: Pipeline;
  runs: ListedRun[];
  schedules: Schedule[];
}

async function load(only: string | undefined, signal: AbortSignal): Promise<WithRuns[]> {
  const [all, schedules] = await Promise.all([api.pipelines(signal, only ? 0 : kNewest), api.schedules(signal)]);
  const shown = all.filter(({ name }) => !only || name === only);
  const runs = only && shown.length > 0 ? await api.pipelineRuns(only, signal) : undefined;
  return shown.map((pipeline) => ({ pipeline, runs: runs ?? pipeline.runs ?? [], schedules: schedules.filter((schedule) => schedule.pipeline === pipeline.name) }));
}

export function PipelinesPage() {
  const { name } = useParams();
  const navigate = useNavigate();
  const [asks, setAsks] = useState(false);
  const pipelines = useLive((signal) => load(name, signal), name ?? "", 3, [name ? `pipelines/${name}` : "pipelines", "schedules"]);
  return (
    <>
      <Head title={name ?? "Pipelines"} trail={name ? [["Pipelines", "/pipelines"]] : []}>
        <Anchor component={Link} to="/searches">
          Searches
        </Anchor>
        {name && pipelines.data?.[0] && (
          <Button variant="default" onClick={() => setAsks(true)}>
            Run
          </Button>
        )}
      </Head>
      {asks && pipelines.data?.[0] && <RunDialog pipeline={pipelines.data[0].pipeline} close={() => setAsks(false)} started={(run) => void navigate(`/pipeline-runs/${run}`)} />}
      <Loaded from={pipelines}>
        {(data) =>
          data.length === 0 ? (
            <Empty title={name ? "There is no such pipeline." : "No pipeline is declared yet."}>
              <Text size="sm">
                Declare steps under <Code>pipelines:</Code> in <Code>slipway.yaml</Code>, then:
              </Text>
              <Command>{"slipway apply\nslipway run my-pipeline"}</Command>
            </Empty>
          ) : (
            <Stack gap="xl">
              {data.map(({ pipeline, runs, schedules }) => (
                <section key={pipeline.name} aria-label={pipeline.name}>
                  {!name && (
                    <Title order={2} size="h4">
                      <Anchor component={Link} to={`/pipelines/${encodeURIComponent(pipeline.name)}`} inherit>
                        {pipeline.name}
                      </Anchor>
                    </Title>
                  )}
                  <Text size="sm" c="dimmed" mb="xs">
                    {pipeline.steps.length === 1 ? "1 step" : `${pipeline.steps.length} steps`}: {pipeline.steps.map((step) => step.name).join(", ")}
                  </Text>
                  {(name || schedules.length > 0) && <Schedules schedules={schedules} changed={pipelines.reload} />}
                  {name && <Grid pipeline={pipeline.name} runs={runs.filter(hasSteps)} />}
                  <Runs pipeline={pipeline.name} runs={runs} />
                  {!name && runs.length === kNewest && (
                    <Anchor component={Link} to={`/pipelines/${encodeURIComponent(pipeline.name)}`}>
                      All runs of {pipeline.name}
                    </Anchor>
                  )}
                </section>
              ))}
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}

const hasSteps = (run: ListedRun): run is RunWithSteps => run.steps !== undefined;

type Lasting = Pick<ListedRun, "created_at" | "finished_at">;
const secondsOf = (run: Lasting) => (run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000 : null);
export const took = (run: Lasting) => duration(secondsOf(run));

function Runs({ pipeline, runs }: { pipeline: string; runs: ListedRun[] }) {
  if (runs.length === 0) return <Empty title="It has not run yet." />;
  return (
    <PlainTable
      name="Pipeline runs"
      minWidth={700}
      rows={runs}
      keyOf={({ id }) => id}
      file={{ of: `runs of ${pipeline}`, call: api.pipelineRunsPath(pipeline) }}
      columns={[
        {
          title: "Run",
          cell: ({ id }) => (
            <Anchor component={Link} to={`/pipeline-runs/${id}`} ff="monospace" size="sm">
              {id}
            </Anchor>
          ),
          value: ["run", ({ id }) => id],
        },
        { title: "State", cell: ({ state }) => <Word of={state} />, value: ["state", ({ state }) => state] },
        { title: "Event time", cell: ({ now }) => <Time at={now} />, value: ["event_time", ({ now }) => now] },
        { title: "Took", cell: took, kind: "nowrap", value: ["seconds", secondsOf] },
        { title: "Why", cell: ({ reason }) => readable(reason) || "–", value: ["reason", ({ reason }) => reason] },
        { title: "Who", cell: ({ actor }) => actor, value: ["actor", ({ actor }) => actor] },
      ]}
    />
  );
}
