import { SimpleGrid, Stack, Title } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { api, type Minute, type Revision } from "../api";
import { Chart } from "../components/chart";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { Fact, Facts } from "../components/words";
import { duration, number, percent } from "../lib/format";
import { countsOf, lastAnswered, latenciesOf, type Rates, ratesOf } from "../lib/minutes";
import { type Mark, seconds } from "../lib/series";

const kSeconds = 2; // between two looks

interface Look {
  at: number; // seconds since 1970
  minutes: Minute[];
}

// What goes on while somebody looks, and went on in the last hour: requests, what they take and how many fail.
export function LiveTraffic({ endpoint, revisions }: { endpoint: string; revisions: Revision[] }) {
  const looks = useLive(async (signal) => ({ at: Date.now() / 1000, minutes: await api.traffic(endpoint, signal) }), `live ${endpoint}`, kSeconds);
  return (
    <section aria-label="Now">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Now, and in the last hour
        </Title>
        <Loaded from={looks}>{(now) => <Traffic endpoint={endpoint} now={now} revisions={revisions} />}</Loaded>
      </Stack>
    </section>
  );
}

function Traffic({ endpoint, now, revisions }: { endpoint: string; now: Look; revisions: Revision[] }) {
  const before = useRef<Look>();
  const [rates, setRates] = useState<Rates>();
  useEffect(() => {
    const last = before.current;
    before.current = now;
    setRates(last && ratesOf(last.minutes, now.minutes, now.at - last.at));
  }, [now]);
  const minutes = now.minutes;
  const latest = lastAnswered(minutes);
  const ms = (value: number | null | undefined) => (typeof value === "number" ? duration(value / 1000) : "no request");
  const [first, last] = [minutes[0], minutes.at(-1)];
  const marks = revisions.flatMap(({ arrival_time, number: revision, kind }): Mark[] =>
    first && arrival_time >= first.start ? [{ x: seconds(arrival_time), kind: "release", text: `revision ${revision}: ${kind.replaceAll("_", " ")}` }] : [],
  );
  const shared = { time: Intl.DateTimeFormat().resolvedOptions().timeZone, height: 130, call: api.trafficPath(endpoint), sync: "now", marks, ...(first && last ? { range: [seconds(first.start), seconds(last.start)] as [number, number] } : {}) };
  return (
    <>
      <Facts>
        <Fact name="Requests per second">{rates ? number(rates.perSecond) : "…"}</Fact>
        <Fact name="Fail">{!rates ? "…" : rates.failed === null ? "no request now" : percent(rates.failed)}</Fact>
        <Fact name="Half take at most">{ms(latest?.latency_ms_p50)}</Fact>
        <Fact name="95 of 100">{ms(latest?.latency_ms_p95)}</Fact>
        <Fact name="99 of 100">{ms(latest?.latency_ms_p99)}</Fact>
      </Facts>
      {minutes.length > 0 && (
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
          <Chart title="Latency in ms" table={latenciesOf(minutes)} {...shared} />
          <Chart title="Errors per minute" table={countsOf(minutes, "errors")} {...shared} />
          <Chart title="Requests per minute" table={countsOf(minutes, "requests")} {...shared} />
        </SimpleGrid>
      )}
    </>
  );
}
