// The curves of several runs over each other, a chart for each metric.
import { Group, SimpleGrid, Title } from "@mantine/core";
import { api, type Metric, type Run, together } from "../api";
import { Chart } from "../components/chart";
import { useLive, useOnceMore } from "../components/live";
import { Loaded } from "../components/loaded";
import { colourOf, overlay } from "../lib/compare";
import { looked } from "../lib/curve_look";
import { CurveControls, kZone, useCurveLook } from "./curve_controls";

const kCurvesShown = 6;
const kShortId = 8;
const kAgainSeconds = 30;

// Their names; with the beginning of the id where there is none, or several runs have it.
export function labelsOf(runs: Run[]): string[] {
  const names = runs.map(({ info }) => info.run_name);
  return runs.map(({ info }, at) => {
    const id = info.run_id.slice(0, kShortId);
    if (!info.run_name) return id;
    return names.some((name, other) => other !== at && name === info.run_name) ? `${info.run_name} ${id}` : info.run_name;
  });
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

interface CurvesProps {
  runs: Run[];
  labels: string[];
  first: string | undefined; // the metric that comes first
  isOver: boolean; // nothing follows
  isNarrow?: boolean; // one below the other
}

export function Curves({ runs, labels, first, isOver, isNarrow = false }: CurvesProps) {
  const ids = runs.map(({ info }) => info.run_id);
  const names = drawn(runs, first);
  const look = useCurveLook();
  const asked = [...names].sort();
  const histories = useLive(
    (signal) => together(() => Promise.all(asked.map(async (name): Promise<[string, Metric[][]]> => [name, await api.histories(ids, name)])), signal),
    `${ids.join(" ")} ${asked.join(" ")}`,
    isOver ? Infinity : kAgainSeconds,
  );
  useOnceMore(isOver, histories.reload);
  return (
    <Loaded from={histories}>
      {(found) => {
        const curves = found.filter(([, points]) => points.some((of) => of.length > 1)).sort(([a], [b]) => names.indexOf(a) - names.indexOf(b));
        if (curves.length === 0) return null;
        return (
          <section aria-label="Curves">
            <Group justify="space-between" mb="xs">
              <Title order={2} size="h4">
                Curves
              </Title>
              <CurveControls />
            </Group>
            <SimpleGrid cols={isNarrow ? 1 : { base: 1, md: 2 }} spacing="md">
              {curves.map(([name, points]) => {
                const { axis, ...table } = overlay(points, labels, ids.map((_, at) => colourOf(at)), look.x);
                return <Chart key={name} title={name} table={looked(table, look)} {...(axis === "time" ? { time: kZone } : { xLabel: axis })} isLog={look.isLog} height={200} sync="compare" call={api.historiesPath(ids, name)} isSparse hasKey={ids.length <= 4} />;
              })}
            </SimpleGrid>
          </section>
        );
      }}
    </Loaded>
  );
}
