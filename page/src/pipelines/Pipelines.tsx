import { Anchor, Table, Text, Title } from "@mantine/core";
import { Link } from "react-router-dom";

import { type PipelineRunRecord, useLive } from "../api";
import { time } from "../parts/format";
import { State } from "../parts/Health";
import { Empty, Loaded } from "../parts/State";

interface Pipeline {
  name: string;
  steps: { name: string }[];
}

function RunsOf({ pipeline }: { pipeline: Pipeline }) {
  const runs = useLive<{ runs: PipelineRunRecord[] }>(`/slipway/v1/pipelines/${encodeURIComponent(pipeline.name)}/runs`);
  return (
    <>
      <Title order={3} mt="md">
        {pipeline.name}
      </Title>
      <Text size="sm" c="dimmed">
        {pipeline.steps.map((s) => s.name).join(" → ")}
      </Text>
      <Loaded live={runs}>
        {(data) =>
          data.runs.length === 0 ? (
            <Text c="dimmed">Never run.</Text>
          ) : (
            <Table.ScrollContainer minWidth={640}>
              <Table highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    {["Run", "Event time", "State", "From cache", "By", "Why"].map((words) => (
                      <Table.Th key={words}>{words}</Table.Th>
                    ))}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.runs.map((run) => (
                    <Table.Tr key={run.id}>
                      <Table.Td>
                        <Anchor component={Link} to={`/pipeline-runs/${run.id}`}>
                          {run.id.slice(0, 8)}
                        </Anchor>
                      </Table.Td>
                      <Table.Td>{time(run.now)}</Table.Td>
                      <Table.Td>
                        <State word={run.state} />
                      </Table.Td>
                      <Table.Td>
                        {run.steps.filter((s) => s.cached).length} of {run.steps.length}
                      </Table.Td>
                      <Table.Td>{run.actor}</Table.Td>
                      <Table.Td>{run.reason}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Loaded>
    </>
  );
}

export function Pipelines() {
  const live = useLive<{ pipelines: Pipeline[] }>("/slipway/v1/pipelines");
  return (
    <>
      <Title order={2}>Pipelines</Title>
      <Loaded live={live}>
        {({ pipelines }) =>
          pipelines.length === 0 ? <Empty title="No pipeline is declared">Declare one in slipway.yaml.</Empty> : pipelines.map((p) => <RunsOf key={p.name} pipeline={p} />)
        }
      </Loaded>
    </>
  );
}
