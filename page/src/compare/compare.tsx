import { Anchor, Checkbox, Group, NativeSelect, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, isFinal, type Metric, type Run } from "../api";
import { Chart } from "../components/chart";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Head, Word } from "../components/words";
import { type Attribute, attributes, colourOf, isDifferent, kRunsCompared, overlay } from "../lib/compare";
import { plural } from "../lib/format";
import { Differences } from "./differences";
import { ImportanceTable } from "./importance";
import { Parallel } from "./parallel";
import { Scatter } from "./scatter";

const kCurvesShown = 6;
const kShortId = 8;
const kAgainSeconds = 10;
const kCurvesAgainSeconds = 30;

// Their names; with the beginning of the id where there is none, or several runs have it.
function labelsOf(runs: Run[]): string[] {
  const names = runs.map(({ info }) => info.run_name);
  return runs.map(({ info }, at) => {
    const id = info.run_id.slice(0, kShortId);
    if (!info.run_name) return id;
    return names.some((name, other) => other !== at && name === info.run_name) ? `${info.run_name} ${id}` : info.run_name;
  });
}

// Several runs side by side. The address says which: `runs`, and by which metric they are looked at: `metric`.
export function ComparePage() {
  const [query] = useSearchParams();
  const ids = [...new Set(query.getAll("runs").filter((id) => /^[0-9a-f]{32}$/.test(id)))].slice(0, kRunsCompared);
  return (
    <>
      <Head title={ids.length > 0 ? `${plural(ids.length, "run")} compared` : "Compare runs"} trail={[["Experiments", "/experiments"]]} />
      {ids.length === 0 ? (
        <Empty title="No run was chosen.">
          <Text size="sm">
            Choose runs in the table of an <Link to="/experiments">experiment</Link>, or the trials of a search.
          </Text>
        </Empty>
      ) : (
        <Chosen ids={ids} />
      )}
    </>
  );
}

function Chosen({ ids }: { ids: string[] }) {
  const key = ids.join(" ");
  const [isOver, setOver] = useState(false);
  const fetchRuns = async (signal: AbortSignal) => {
    const found = await api.runsById(ids, signal);
    setOver(found.every(({ info }) => isFinal(info.status)));
    return found;
  };
  const runs = useLive(fetchRuns, key, isOver ? Infinity : kAgainSeconds);
  return (
    <Loaded from={runs}>
      {(found) =>
        found.length === 0 ? (
          <Empty title="None of these runs is there any more." />
        ) : (
          <>
            {found.length < ids.length && (
              <Text size="sm" role="note">
                {plural(ids.length - found.length, "run")} of these {ids.length - found.length === 1 ? "is" : "are"} not there any more, or not for you to see.
              </Text>
            )}
            <Compared runs={found} isOver={isOver} />
          </>
        )
      }
    </Loaded>
  );
}

function Compared({ runs, isOver }: { runs: Run[]; isOver: boolean }) {
  const [query, setQuery] = useSearchParams();
  const all = attributes(runs);
  const different = all.filter(isDifferent);
  const [parameters, metrics] = (["parameter", "metric"] as const).map((group) => different.filter((one) => one.group === group)) as [Attribute[], Attribute[]];
  const metric = metrics.find(({ name }) => name === query.get("metric")) ?? metrics[0];
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    next.set(name, value);
    setQuery(next, { replace: true });
  };
  const labels = labelsOf(runs);
  return (
    <Stack gap="xl">
      <Keys runs={runs} labels={labels} />
      {metric && (
        <NativeSelect label="Looked at by" style={{ alignSelf: "flex-start" }} data={metrics.map(({ name }) => name)} value={metric.name} onChange={(event) => change("metric", event.currentTarget.value)} />
      )}
      {metric && <Parallel labels={labels} attributes={[...parameters, metric]} />}
      {metric && parameters.length > 0 && (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Scatter labels={labels} choices={[...parameters, ...metrics]} metric={metric} x={query.get("x") ?? ""} choose={(name) => change("x", name)} />
          <ImportanceTable parameters={parameters} metric={metric} />
        </SimpleGrid>
      )}
      <Curves runs={runs} labels={labels} first={metric?.name} isOver={isOver} />
      <Differences runs={runs} labels={labels} attributes={query.has("all") ? all : different}>
        <Checkbox
          size="xs"
          label="only what is different"
          checked={!query.has("all")}
          onChange={() => {
            const next = new URLSearchParams(query);
            if (next.has("all")) next.delete("all");
            else next.set("all", "");
            setQuery(next, { replace: true });
          }}
        />
      </Differences>
    </Stack>
  );
}

// Which line is which run, everywhere on this screen.
function Keys({ runs, labels }: { runs: Run[]; labels: string[] }) {
  return (
    <Group component="ul" gap="md" className="run-keys" aria-label="Runs">
      {runs.map(({ info }, at) => (
        <li key={info.run_id}>
          <span className="run-colour" style={{ background: colourOf(at) }} aria-hidden />
          <Anchor component={Link} to={`/runs/${info.run_id}`}>
            {labels[at]}
          </Anchor>
          {info.status !== "FINISHED" && <Word of={info.status} />}
        </li>
      ))}
    </Group>
  );
}

// The metrics that most runs have; the one that is looked at comes first.
function drawn(runs: Run[], first: string | undefined): string[] {
  const counts = new Map<string, number>();
  for (const { data } of runs) {
    for (const { key } of data.metrics ?? []) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
  return [...most.filter((name) => name === first), ...most.filter((name) => name !== first)].slice(0, kCurvesShown);
}

function Curves({ runs, labels, first, isOver }: { runs: Run[]; labels: string[]; first: string | undefined; isOver: boolean }) {
  const ids = runs.map(({ info }) => info.run_id);
  const names = drawn(runs, first);
  const asked = [...names].sort();
  const histories = useLive(
    async (signal) => Promise.all(asked.map(async (name): Promise<[string, Metric[][]]> => [name, await api.histories(ids, name, signal)])),
    `${ids.join(" ")} ${asked.join(" ")}`,
    isOver ? Infinity : kCurvesAgainSeconds,
  );
  return (
    <Loaded from={histories}>
      {(found) => {
        const curves = found.filter(([, points]) => points.some((of) => of.length > 1)).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b));
        if (curves.length === 0) return null;
        return (
          <section aria-label="Curves">
            <Title order={2} size="h4" mb="xs">
              Curves
            </Title>
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
              {curves.map(([name, points]) => {
                const { axis, ...table } = overlay(points, labels, ids.map((_, at) => colourOf(at)));
                return <Chart key={name} title={name} table={table} xLabel={axis} height={200} sync="compare" call={api.historiesPath(ids, name)} isSparse hasKey={ids.length <= 4} />;
              })}
            </SimpleGrid>
          </section>
        );
      }}
    </Loaded>
  );
}
