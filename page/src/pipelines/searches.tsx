import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type ListedSearch } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";
import { duration, number } from "../lib/format";

// Searches of parameters, of all pipelines, the newest first.
export function SearchesPage() {
  const searches = useLive(api.searches, "searches", 5, ["pipelines"]);
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

const goalOf = ({ search }: ListedSearch) => (search ? `${search.goal} ${search.metric} by ${search.method}` : "");

function List({ searches }: { searches: ListedSearch[] }) {
  return (
    <PlainTable
      name="Searches"
      minWidth={720}
      rows={searches}
      keyOf={({ run, name }) => `${run} ${name}`}
      file={{ of: "searches", call: api.searchesPath }}
      columns={[
        {
          title: "Search",
          cell: ({ run, pipeline, name }) => (
            <>
              <Anchor component={Link} to={`/pipeline-runs/${run}?${new URLSearchParams({ step: name })}`} fw={600}>
                {name}
              </Anchor>
              <Text size="xs" c="dimmed">
                of {pipeline}
              </Text>
            </>
          ),
          kind: "break",
          value: ["step", ({ name }) => name],
          also: [
            ["pipeline", ({ pipeline }) => pipeline],
            ["run", ({ run }) => run],
            ["tracked_run", ({ tracked_run }) => tracked_run],
          ],
        },
        { title: "State", cell: ({ state }) => <Word of={state} />, value: ["state", ({ state }) => state] },
        { title: "For", cell: (one) => goalOf(one) || "–", value: ["goal", goalOf] },
        { title: "Best", cell: ({ score }) => number(score), kind: "figures", isRight: true, value: ["score", ({ score }) => score] },
        { title: "Trials", cell: ({ search, trials }) => (search ? `${number(trials)} of ${number(search.trials)}` : number(trials)), kind: "figures", isRight: true, value: ["trials", ({ trials }) => trials], also: [["trials_at_most", ({ search }) => search?.trials]] },
        { title: "Began", cell: ({ started_at }) => <Time at={started_at} />, value: ["started_at", ({ started_at }) => started_at] },
        { title: "Took", cell: ({ seconds }) => duration(seconds), kind: "figures", isRight: true, value: ["seconds", ({ seconds }) => seconds] },
      ]}
    />
  );
}
