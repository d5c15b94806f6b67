// The curves of a run: those whose names fit, a page at a time, grouped by what stands before the first "/".
import { Button, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useSearchParams } from "react-router";
import { api, type Metric } from "../api";
import { CurveControls, kZone, useCurveLook } from "../compare/curve_controls";
import { Chart } from "../components/chart";
import { NameBox } from "../components/name_box";
import { looked } from "../lib/curve_look";
import { number } from "../lib/format";
import { chosen, kCurvesOfPage, prefixes, prefixOf, readMetricChoice } from "../lib/metric_choice";
import { curve } from "../lib/series";

const kFewMetrics = 4; // up to these nothing is searched for

interface RunCurvesProps {
  run: string;
  names: string[]; // of all metrics that may be drawn
  curves: Metric[][];
}

// The address says which metrics: parts of their names (`metrics`), and which of the pages that they fill (`page`).
export function RunCurves({ run, names, curves }: RunCurvesProps) {
  const [query, setQuery] = useSearchParams();
  const choice = readMetricChoice(query);
  const look = useCurveLook();
  const { names: shown, fit, page, pages } = chosen(names, choice);
  const byName = new Map(curves.flatMap((points) => (points[0] && points.length > 1 ? [[points[0].key, points] as const] : [])));
  const asked = new Set(curves.flatMap((points) => (points[0] ? [points[0].key] : []))); // and answered: of the page before, while the next is loaded
  const drawn = shown.filter((name) => byName.has(name));
  const groups = prefixes(drawn);
  const change = (part: Partial<typeof choice>, replace: boolean) =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        const { asked, page: to } = { ...readMetricChoice(before), ...part };
        for (const [name, value] of [["metrics", asked], ["page", to > 1 ? String(to) : ""]] as const) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace },
    );
  if (drawn.length === 0 && choice.asked === "" && pages === 1) return null; // nothing has a curve
  const call = api.curvesPath(run, shown);
  const ofPrefixes = prefixes(names).filter(([prefix]) => prefix !== "");
  return (
    <section aria-label="Curves">
      <Stack gap="sm">
        <Group justify="space-between" gap="sm">
          {(names.length > kFewMetrics || choice.asked !== "") && (
            <Group gap="xs">
              <NameBox label="Metrics, as: loss, val/" text={choice.asked} set={(asked) => change({ asked, page: 1 }, true)} />
              {ofPrefixes.map(([prefix, count]) => (
                <Button key={prefix} size="compact-xs" variant={choice.asked === prefix ? "filled" : "default"} aria-pressed={choice.asked === prefix} onClick={() => change({ asked: choice.asked === prefix ? "" : prefix, page: 1 }, false)}>
                  {prefix} {count}
                </Button>
              ))}
            </Group>
          )}
          <CurveControls />
        </Group>
        {pages > 1 && (
          <Group gap="xs">
            <Button size="compact-xs" variant="default" disabled={page === 1} onClick={() => change({ page: page - 1 }, false)}>
              Previous
            </Button>
            <Button size="compact-xs" variant="default" disabled={page === pages} onClick={() => change({ page: page + 1 }, false)}>
              Next
            </Button>
            <Text size="sm" c="dimmed" role="status">
              Metrics {number((page - 1) * kCurvesOfPage + 1)} to {number((page - 1) * kCurvesOfPage + shown.length)} of {number(fit)}
            </Text>
          </Group>
        )}
        {drawn.length === 0 && (fit === 0 || shown.some((name) => asked.has(name))) && (
          <Text size="sm" role="status">
            {fit === 0 ? "No metric has a name like this." : "None of these has more than one point; the table has their values."}
          </Text>
        )}
        {groups.map(([prefix]) => (
          <section key={prefix} aria-label={prefix || "Without a prefix"}>
            {prefix !== "" && (
              <Title order={2} size="h5" mb={6}>
                {prefix}
              </Title>
            )}
            <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
              {drawn
                .filter((name) => prefixOf(name) === prefix)
                .map((name) => {
                  const { axis, ...table } = curve(byName.get(name) ?? [], look.x);
                  return <Chart key={name} title={name} table={looked(table, look)} {...(axis === "time" ? { time: kZone } : { xLabel: axis })} isLog={look.isLog} height={170} call={call} />;
                })}
            </SimpleGrid>
          </section>
        ))}
      </Stack>
    </section>
  );
}
