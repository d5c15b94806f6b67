// What the step wrote that made a run; and what the machine did meanwhile.
import { Anchor, SimpleGrid, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, isFinal, type PipelineRun, type Run } from "../api";
import { Chart } from "../components/chart";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { StepLog } from "../components/step_log";
import { curve } from "../lib/series";

const kSystem = "system/";
const kSystemAgainSeconds = 10;
const kStepAgainSeconds = 3;

export const systemMetrics = ({ data }: Run) => (data.metrics ?? []).map(({ key }) => key).filter((key) => key.startsWith(kSystem));
export const isSystem = (key: string | undefined) => key?.startsWith(kSystem) ?? false;

export function RunConsole({ run }: { run: Run }) {
  const tag = (key: string) => run.data.tags?.find((one) => one.key === key)?.value;
  const [pipelineRun, step] = [tag("slipway.run_id"), tag("slipway.step")];
  if (!pipelineRun || !step) {
    return (
      <Empty title="No console was logged.">
        <Text size="sm">What a step of a pipeline writes is kept; this run was made by something else.</Text>
      </Empty>
    );
  }
  return <StepConsole run={pipelineRun} step={step} />;
}

// The step may write after the end of the run that it made, and may have ended without ending that.
function StepConsole({ run, step }: { run: string; step: string }) {
  const isOver = (found: PipelineRun) => {
    const made = found.steps.flatMap((one) => [one, ...(one.items ?? [])]).find(({ name }) => name === step);
    return (made ?? found).finished_at !== null;
  };
  const made = useLive((signal) => api.pipelineRun(run, signal), run, (found) => (isOver(found) ? Infinity : kStepAgainSeconds), ["pipelines"]);
  return (
    <>
      <Text size="sm" mb="xs">
        What step{" "}
        <Anchor component={Link} underline="always" to={`/pipeline-runs/${encodeURIComponent(run)}?step=${encodeURIComponent(step)}`}>
          {step} of {run}
        </Anchor>{" "}
        wrote: of this run, and of all that the step made.
      </Text>
      <StepLog run={run} step={step} isOver={made.data !== undefined && isOver(made.data)} />
    </>
  );
}

export function SystemMetrics({ run }: { run: Run }) {
  const names = systemMetrics(run);
  const id = run.info.run_id;
  const curves = useLive(
    async (signal) => Promise.all(names.map(async (name) => (await api.histories([id], name, signal))[0] ?? [])),
    `${id} ${names.join(" ")}`,
    isFinal(run.info.status) ? Infinity : kSystemAgainSeconds,
  );
  if (names.length === 0) {
    return (
      <Empty title="No system metrics were logged.">
        <Text size="sm">mlflow.enable_system_metrics_logging() logs them from the next run on.</Text>
      </Empty>
    );
  }
  return (
    <Loaded from={curves}>
      {(found) => (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
          {found.map((points, at) => {
            const { axis, ...table } = curve(points);
            return <Chart key={names[at]} title={(names[at] ?? "").slice(kSystem.length)} table={table} xLabel={axis} height={170} call={api.historiesPath([id], names[at] ?? "")} />;
          })}
        </SimpleGrid>
      )}
    </Loaded>
  );
}
