import { Group, SimpleGrid, Stack, Title } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { api, type InferenceStats } from "../api";
import { Chart } from "../components/chart";
import { useLive } from "../components/live";
import { Fact } from "../components/words";
import { duration, number, percent } from "../lib/format";
import { type Rates, ratesOf } from "../lib/inference";

const kSeconds = 2; // between two looks
const kKept = 300;

interface Look {
  at: number; // seconds since 1970
  rates: Rates;
}

// What goes on while somebody looks: requests a second, what they take on average and how many fail.
export function LiveTraffic({ endpoint }: { endpoint: string }) {
  const stats = useLive(async (signal) => ({ at: Date.now() / 1000, stats: await api.inferenceStats(endpoint, signal) }), `live ${endpoint}`, kSeconds);
  const before = useRef<{ at: number; stats: InferenceStats[] }>();
  const [looks, setLooks] = useState<Look[]>([]);
  const now = stats.data;
  useEffect(() => {
    if (!now) return;
    const last = before.current;
    before.current = now;
    const rates = last && ratesOf(last.stats, now.stats, now.at - last.at);
    if (rates) setLooks((all) => [...all.slice(1 - kKept), { at: now.at, rates }]);
  }, [now]);
  const latest = looks.at(-1)?.rates;
  const x = looks.map(({ at }) => at);
  const table = (label: string, value: (rates: Rates) => number | null) => ({ x, series: [{ label, kind: "live" as const, values: looks.map(({ rates }) => value(rates)) }] });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const call = api.inferenceStatsPath(endpoint);
  return (
    <section aria-label="Now">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Now
        </Title>
        <Group gap="xl">
          <Fact name="Requests a second">{latest ? number(latest.perSecond) : "–"}</Fact>
          <Fact name="A request takes, on average">{latest?.meanMs == null ? "–" : duration(latest.meanMs / 1000)}</Fact>
          <Fact name="Fail">{latest?.failed == null ? "–" : percent(latest.failed)}</Fact>
        </Group>
        {looks.length > 1 && (
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
            <Chart title="Requests a second" table={table("requests a second", ({ perSecond }) => perSecond)} time={zone} height={120} call={call} hasKey={false} sync="now" />
            <Chart title="Mean milliseconds" table={table("ms", ({ meanMs }) => meanMs)} time={zone} height={120} call={call} hasKey={false} sync="now" />
            <Chart title="Failed, percent" table={table("%", ({ failed }) => (failed === null ? null : failed * 100))} time={zone} height={120} call={call} hasKey={false} sync="now" />
          </SimpleGrid>
        )}
      </Stack>
    </section>
  );
}
