import { Card, Group, SimpleGrid, Table, Text, Title } from "@mantine/core";
import { useParams } from "react-router-dom";

import { type KeyValue, type RunRecord, useLive } from "../api";
import { Chart } from "../parts/Chart";
import { number, time } from "../parts/format";
import { State } from "../parts/Health";
import { Loaded } from "../parts/State";

interface History {
  metrics?: { value: number; step: number }[];
}

function Curve({ run, metric, last }: { run: string; metric: string; last: number }) {
  const history = useLive<History>(`/api/2.0/mlflow/metrics/get-history?run_id=${run}&metric_key=${encodeURIComponent(metric)}&max_results=25000`);
  return (
    <Card withBorder padding="sm">
      <Loaded live={history}>
        {({ metrics = [] }) =>
          metrics.length === 1 ? (
            <>
              <Text size="sm" fw={600}>
                {metric}
              </Text>
              <Text size="xl">{number(last, 4)}</Text>
            </>
          ) : (
            <Chart title={metric} x={metrics.map((m) => m.step)} lines={[{ label: metric, values: metrics.map((m) => m.value), color: "#228be6" }]} />
          )
        }
      </Loaded>
    </Card>
  );
}

function Pairs({ title, pairs }: { title: string; pairs: KeyValue[] }) {
  return (
    <Card withBorder padding="sm">
      <Title order={4} mb="xs">
        {title}
      </Title>
      {pairs.length === 0 && <Text c="dimmed">None.</Text>}
      <Table>
        <Table.Tbody>
          {pairs.map(({ key, value }) => (
            <Table.Tr key={key}>
              <Table.Td>{key}</Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

export function Run() {
  const { id = "" } = useParams();
  const live = useLive<{ run: RunRecord }>(`/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(id)}`);
  return (
    <Loaded live={live}>
      {({ run }) => {
        const metrics = [...(run.data.metrics ?? [])].sort((a, b) => b.step - a.step || a.key.localeCompare(b.key));
        return (
          <>
            <Group mb="md" gap="sm">
              <Title order={2}>{run.info.run_name || run.info.run_id}</Title>
              <State word={run.info.status} />
              <Text c="dimmed" size="sm">
                {time(new Date(run.info.start_time).toISOString())}, {run.info.run_id}
              </Text>
            </Group>
            {metrics.length === 0 && <Text c="dimmed">No metric has been logged.</Text>}
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} mb="md">
              {metrics.map((m) => (
                <Curve key={m.key} run={run.info.run_id} metric={m.key} last={m.value} />
              ))}
            </SimpleGrid>
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Pairs title="Parameters" pairs={run.data.params ?? []} />
              <Pairs title="Tags" pairs={(run.data.tags ?? []).filter((t) => !t.key.startsWith("mlflow.log-model"))} />
            </SimpleGrid>
          </>
        );
      }}
    </Loaded>
  );
}
