import { Anchor, Checkbox, Group, NativeSelect, SimpleGrid, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, isFinal, type Run } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Head, Word } from "../components/words";
import { type Attribute, attributes, colourOf, isDifferent, kRunsCompared, lookedAt } from "../lib/compare";
import { plural } from "../lib/format";
import { Curves, labelsOf } from "./curves";
import { Differences } from "./differences";
import { ImportanceTable } from "./importance";
import { Parallel } from "./parallel";
import { Scatter } from "./scatter";
import "./compare.css";

const kAgainSeconds = 10;

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
            Choose runs in the table of an <Anchor component={Link} to="/experiments" underline="always">experiment</Anchor>, or the trials of a search.
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
  const metric = lookedAt(metrics, query.get("metric"));
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    next.set(name, value);
    setQuery(next, { replace: true });
  };
  const labels = labelsOf(runs);
  const call = api.runsCall(runs);
  return (
    <Stack gap="xl">
      <Keys runs={runs} labels={labels} />
      {metric && (
        <NativeSelect label="Looked at by" style={{ alignSelf: "flex-start" }} data={metrics.map(({ name }) => name)} value={metric.name} onChange={(event) => change("metric", event.currentTarget.value)} />
      )}
      {metric && <Parallel labels={labels} ids={runs.map(({ info }) => info.run_id)} attributes={[...parameters, metric]} call={call} />}
      {metric && parameters.length > 0 && (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Scatter labels={labels} choices={[...parameters, ...metrics]} metric={metric} x={query.get("across") ?? ""} call={call} choose={(name) => change("across", name)} />
          <ImportanceTable parameters={parameters} metric={metric} call={call} />
        </SimpleGrid>
      )}
      <Curves runs={runs} labels={labels} first={metric?.name} isOver={isOver} />
      <Differences runs={runs} labels={labels} call={call} attributes={query.has("all") ? all : different}>
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
