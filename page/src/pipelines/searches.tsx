import { Anchor, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type ListedSearch } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Command, Head, Time, Word } from "../components/words";
import { duration, number } from "../lib/format";

// Searches of parameters, of all pipelines, the newest first.
export function SearchesPage() {
  const searches = useLive(api.searches, "searches", 5);
  return (
    <>
      <Head title="Searches of parameters" trail={[["Pipelines", "/pipelines"]]} />
      <Loaded from={searches}>{(found) => (found.length === 0 ? <None /> : <List searches={found} />)}</Loaded>
    </>
  );
}

function None() {
  return (
    <Empty title="Nothing was searched for yet.">
      <Text size="sm">A step with search: tries parameters, each trial a run:</Text>
      <Command>{"search: {method: tpe, trials: 50, metric: auc, goal: maximize, space: {depth: {low: 2, high: 12}}}"}</Command>
    </Empty>
  );
}

function List({ searches }: { searches: ListedSearch[] }) {
  return (
    <>
      <Table.ScrollContainer minWidth={720}>
        <Table verticalSpacing="xs" aria-label="Searches">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Search</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>For</Table.Th>
              <Table.Th ta="right">Best</Table.Th>
              <Table.Th ta="right">Trials</Table.Th>
              <Table.Th>Began</Table.Th>
              <Table.Th ta="right">Took</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {searches.map(({ run, pipeline, name, state, search, score, trials, started_at, seconds }) => (
              <Table.Tr key={`${run} ${name}`}>
                <Table.Td className="break">
                  <Anchor component={Link} to={`/pipeline-runs/${run}?${new URLSearchParams({ step: name })}`} fw={600}>
                    {name}
                  </Anchor>
                  <Text size="xs" c="dimmed">
                    of {pipeline}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <Word of={state} />
                </Table.Td>
                <Table.Td>
                  {search ? `${search.goal} ${search.metric} by ${search.method}` : "–"}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {number(score)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {search ? `${number(trials)} of ${number(search.trials)}` : number(trials)}
                </Table.Td>
                <Table.Td>
                  <Time at={started_at} />
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {duration(seconds)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Numbers
        of="searches"
        names={["run", "pipeline", "step", "state", "score", "trials", "started_at", "seconds", "tracked_run"]}
        rows={() => searches.map((one) => [one.run, one.pipeline, one.name, one.state, one.score, one.trials, one.started_at, one.seconds, one.tracked_run])}
        call={api.searchesPath}
      />
    </>
  );
}
