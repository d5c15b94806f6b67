// Charts beside a table of runs: of those that are chosen, else of those that are seen.
import { NativeSelect, Stack, Text } from "@mantine/core";
import { useSearchParams } from "react-router";
import { api, isFinal } from "../api";
import { Curves, labelsOf } from "../compare/curves";
import { Scatter } from "../compare/scatter";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { type Attribute, attributes, isDifferent, lookedAt } from "../lib/compare";
import { plural } from "../lib/format";
import "./beside.css";

const kAgainSeconds = 10;

// The address says by which metric (`metric`), and what lies across (`across`).
export function Beside({ ids, isChosen }: { ids: string[]; isChosen: boolean }) {
  const [query, setQuery] = useSearchParams();
  const runs = useLive((signal) => (ids.length > 0 ? api.runsById(ids, signal) : Promise.resolve([])), [...ids].sort().join(" "), kAgainSeconds);
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    next.set(name, value);
    setQuery(next, { replace: true });
  };
  return (
    <section aria-label="Charts of runs" className="beside-charts">
      <Loaded from={runs}>
        {(found) => {
          const different = attributes(found).filter(isDifferent);
          const [parameters, metrics] = (["parameter", "metric"] as const).map((group) => different.filter((one) => one.group === group)) as [Attribute[], Attribute[]];
          const metric = lookedAt(metrics, query.get("metric"));
          const labels = labelsOf(found);
          return (
            <Stack gap="md">
              <Text size="sm" c="dimmed" role="status">
                {found.length === 0 ? "No run is seen or chosen: open a group, or choose runs." : isChosen ? `The ${plural(found.length, "run")} that are chosen.` : `The ${plural(found.length, "run")} that are seen in the table; choose some to have those.`}
              </Text>
              {metric && <NativeSelect size="xs" label="Looked at by" data={metrics.map(({ name }) => name)} value={metric.name} onChange={(event) => change("metric", event.currentTarget.value)} />}
              {metric && parameters.length + metrics.length > 1 && <Scatter labels={labels} choices={[...parameters, ...metrics]} metric={metric} x={query.get("across") ?? ""} call={api.runsCall(found)} choose={(name) => change("across", name)} />}
              {found.length > 0 && <Curves runs={found} labels={labels} first={metric?.name} isOver={found.every(({ info }) => isFinal(info.status))} isNarrow />}
            </Stack>
          );
        }}
      </Loaded>
    </section>
  );
}
