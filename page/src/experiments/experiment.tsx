import { Anchor, Button, Checkbox, Group, Table, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type Run } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time, Word } from "../components/words";
import { kRunsCompared } from "../lib/compare";
import { duration, number } from "../lib/format";

const kPage = 50;
const kMetricsShown = 5;

export function ExperimentPage() {
  const { id = "" } = useParams();
  const [query, setQuery] = useSearchParams();
  const filter = query.get("filter") ?? "";
  const [most, setMost] = useState(kPage);
  const experiments = useLive(api.experiments, "experiments", 30);
  const runs = useLive((signal) => api.runs(id, filter, most, signal), `${id}/${filter}`, 4);
  const name = experiments.data?.find((experiment) => experiment.experiment_id === id)?.name ?? `Experiment ${id}`;
  return (
    <>
      <Head title={name} trail={[["Experiments", "/experiments"]]} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const text = String(new FormData(event.currentTarget).get("filter") ?? "").trim();
          setQuery(text ? { filter: text } : {});
        }}
      >
        <Group gap="xs" mb="md">
          <TextInput
            key={filter}
            name="filter"
            defaultValue={filter}
            className="filter"
            aria-label="Filter runs"
            placeholder="metrics.auc > 0.75 and params.rounds = '60'"
          />
          <Button type="submit" variant="default">
            Filter
          </Button>
        </Group>
      </form>
      <Loaded from={runs}>
        {(data) =>
          data.runs.length === 0 ? (
            <Empty title={filter ? "No run fits this filter." : "This experiment has no runs yet."}>
              {!filter && <Command>{`export MLFLOW_TRACKING_URI=${location.origin}`}</Command>}
            </Empty>
          ) : (
            <>
              <Runs runs={data.runs} />
              {data.more && (
                <Button
                  variant="default"
                  onClick={() => {
                    setMost(most * 2);
                    runs.reload();
                  }}
                >
                  Show more runs
                </Button>
              )}
            </>
          )
        }
      </Loaded>
    </>
  );
}

// The metrics that most of these runs have.
function commonMetrics(runs: Run[]): string[] {
  const counts = new Map<string, number>();
  for (const run of runs) {
    for (const metric of run.data.metrics ?? []) counts.set(metric.key, (counts.get(metric.key) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    .slice(0, kMetricsShown)
    .map(([key]) => key);
}

// Runs, and which of them are chosen to be compared.
function Runs({ runs }: { runs: Run[] }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const there = runs.map(({ info }) => info.run_id);
  const compared = chosen.slice(0, kRunsCompared); // also those that newer runs have pushed off the table
  const isAll = there.every((id) => chosen.includes(id));
  return (
    <>
      <Group gap="sm" mb="xs">
        {compared.length < 2 ? (
          <Button size="xs" disabled>
            Compare
          </Button>
        ) : (
          <Button size="xs" component={Link} to={`/compare?${new URLSearchParams(compared.map((id) => ["runs", id]))}`}>
            Compare {compared.length} runs
          </Button>
        )}
        <Text size="xs" c="dimmed">
          {compared.length < 2 ? "Choose two runs or more." : compared.length === kRunsCompared && `${kRunsCompared} at most.`}
        </Text>
      </Group>
      <RunsTable runs={runs} isAll={isAll} chosen={chosen} choose={(ids, are) => setChosen((before) => [...before.filter((id) => !ids.includes(id)), ...(are ? ids : [])])} />
    </>
  );
}

interface RunsTableProps {
  runs: Run[];
  isAll: boolean;
  chosen: string[];
  choose: (ids: string[], are: boolean) => void;
}

function RunsTable({ runs, isAll, chosen, choose }: RunsTableProps) {
  const keys = commonMetrics(runs);
  return (
    <Table.ScrollContainer minWidth={700}>
      <Table verticalSpacing="xs" highlightOnHover aria-label="Runs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={36}>
              <Checkbox size="xs" aria-label="Choose all" checked={isAll} onChange={() => choose(runs.map(({ info }) => info.run_id), !isAll)} />
            </Table.Th>
            <Table.Th>Run</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Started</Table.Th>
            <Table.Th>Took</Table.Th>
            {keys.map((key) => (
              <Table.Th key={key} ta="right">
                {key}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map(({ info, data }) => (
            <Table.Tr key={info.run_id}>
              <Table.Td>
                <Checkbox size="xs" aria-label={`Choose ${info.run_name || info.run_id}`} checked={chosen.includes(info.run_id)} onChange={(event) => choose([info.run_id], event.currentTarget.checked)} />
              </Table.Td>
              <Table.Td>
                <Anchor component={Link} to={`/runs/${info.run_id}`} className="run-name" title={info.run_name}>
                  {info.run_name || info.run_id}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Word of={info.status} />
              </Table.Td>
              <Table.Td>
                <Time at={info.start_time} />
              </Table.Td>
              <Table.Td>
                <Text size="sm" className="nowrap">
                  {info.end_time ? duration((info.end_time - info.start_time) / 1000) : "–"}
                </Text>
              </Table.Td>
              {keys.map((key) => (
                <Table.Td key={key} ta="right" className="figures">
                  {number(data.metrics?.find((metric) => metric.key === key)?.value)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
