import { Anchor, Code, Table, Title } from "@mantine/core";
import { Link } from "react-router-dom";

import { type Live, type RunRecord, useLive } from "../api";
import { number, time } from "../parts/format";
import { State } from "../parts/Health";
import { Empty, Loaded } from "../parts/State";

interface Experiments {
  experiments?: { experiment_id: string; name: string }[];
}

const METRICS_SHOWN = 4;

function RunTable({ runs, names }: { runs: RunRecord[]; names: Map<string, string> }) {
  const metrics = [...new Set(runs.flatMap((run) => (run.data.metrics ?? []).map((m) => m.key)))].slice(0, METRICS_SHOWN);
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {["Run", "Experiment", "State", "Started", ...metrics].map((words) => (
              <Table.Th key={words}>{words}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map((run) => (
            <Table.Tr key={run.info.run_id}>
              <Table.Td>
                <Anchor component={Link} to={`/runs/${run.info.run_id}`}>
                  {run.info.run_name || run.info.run_id.slice(0, 8)}
                </Anchor>
              </Table.Td>
              <Table.Td>{names.get(run.info.experiment_id) ?? run.info.experiment_id}</Table.Td>
              <Table.Td>
                <State word={run.info.status} />
              </Table.Td>
              <Table.Td>{time(new Date(run.info.start_time).toISOString())}</Table.Td>
              {metrics.map((key) => (
                <Table.Td key={key}>{number(run.data.metrics?.find((m) => m.key === key)?.value, 4)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

export function Runs() {
  const experiments = useLive<Experiments>("/api/2.0/mlflow/experiments/search", { max_results: 200 });
  const known = experiments.data?.experiments ?? [];
  const runs = useLive<{ runs?: RunRecord[] }>(experiments.data ? "/api/2.0/mlflow/runs/search" : null, {
    experiment_ids: known.map((e) => e.experiment_id),
    max_results: 100,
    order_by: ["attributes.start_time DESC"],
  });
  return (
    <>
      <Title order={2} mb="md">
        Runs
      </Title>
      <Loaded live={(experiments.error ? experiments : runs) as Live<unknown>}>
        {() =>
          runs.data?.runs?.length ? (
            <RunTable runs={runs.data.runs} names={new Map(known.map((e) => [e.experiment_id, e.name]))} />
          ) : (
            <Empty title="No run has been logged yet">
              Point the mlflow client here: <Code>export MLFLOW_TRACKING_URI={window.location.origin}</Code>
            </Empty>
          )
        }
      </Loaded>
    </>
  );
}
