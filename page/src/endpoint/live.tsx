import { SimpleGrid, Stack, Title } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { api, type Minute, type Revision, type TrafficHistory } from "../api";
import { Chart } from "../components/chart";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { SpanBox } from "../components/span_box";
import { Fact, Facts } from "../components/words";
import { duration, number, percent } from "../lib/format";
import { countsOf, lastAnswered, latenciesOf, overOf, type Rates, ratesOf } from "../lib/minutes";
import { type Mark, seconds, type Table } from "../lib/series";
import { closedSpan, isChosen, readSpan, type SpanChoice, stepName } from "../lib/span";

const kSeconds = 2; // between two looks
const kHistorySeconds = 60;

interface Look {
  at: number; // seconds since 1970
  minutes: Minute[];
}

interface TrafficProps {
  endpoint: string;
  revisions: Revision[];
}

// Requests, what they take and how many fail: now, or in the time that the address says.
export function EndpointTraffic(props: TrafficProps) {
  const time = readSpan(useSearchParams()[0]);
  return (
    <section aria-label={isChosen(time) ? "Traffic" : "Now"}>
      <Stack gap="xs">
        <Title order={2} size="h4">
          {isChosen(time) ? "Traffic, by the time that requests arrived" : "Now, and in the last hour"}
        </Title>
        <SpanBox none="Now and the last hour" drops={["zoom"]} />
        {isChosen(time) ? <PastTraffic {...props} time={time} /> : <LiveTraffic {...props} />}
      </Stack>
    </section>
  );
}

function PastTraffic({ endpoint, revisions, time }: TrafficProps & { time: SpanChoice }) {
  const found = useLive(
    async (signal) => {
      const span = closedSpan(time, Date.now());
      return { call: api.trafficHistoryPath(endpoint, span), history: await api.trafficHistory(endpoint, span, signal) };
    },
    JSON.stringify([endpoint, time]),
    time.until ? Infinity : kHistorySeconds,
  );
  return <Loaded from={found}>{({ history, call }) => <Past history={history} call={call} revisions={revisions} />}</Loaded>;
}

const sumOf = (steps: TrafficHistory["steps"], which: "requests" | "rows" | "errors") => steps.reduce((sum, step) => sum + step[which], 0);

function Past({ history: { steps, step_seconds }, call, revisions }: { history: TrafficHistory; call: string; revisions: Revision[] }) {
  const [requests, rows, errors] = [sumOf(steps, "requests"), sumOf(steps, "rows"), sumOf(steps, "errors")];
  if (requests === 0) return <Empty title="No request of this time was logged." />;
  const step = stepName(step_seconds);
  return (
    <>
      <Facts>
        <Fact name="Requests">{number(requests)}</Fact>
        <Fact name="Rows">{number(rows)}</Fact>
        <Fact name="Failed">{percent(errors / requests)}</Fact>
      </Facts>
      <Charts call={call} revisions={revisions} starts={steps.map(({ start }) => start)}>
        {[
          [`Latency in ms, by ${step}`, latenciesOf(steps)],
          [`Errors per ${step}`, countsOf(steps, "errors", step_seconds)],
          [`Requests per ${step}`, countsOf(steps, "requests", step_seconds)],
        ]}
      </Charts>
    </>
  );
}

interface ChartsProps {
  call: string;
  revisions: Revision[];
  starts: string[]; // of all steps
  children: [title: string, table: Table][];
}

function Charts({ call, revisions, starts, children }: ChartsProps) {
  const [first, last] = [starts[0], starts.at(-1)];
  if (first === undefined || last === undefined) return null;
  const marks = revisions
    .filter(({ arrival_time }) => seconds(arrival_time) >= seconds(first) && seconds(arrival_time) <= seconds(last))
    .map(({ arrival_time, number: revision, kind }): Mark => ({ x: seconds(arrival_time), kind: "release", text: `revision ${revision}: ${kind.replaceAll("_", " ")}` }));
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
      {children.map(([title, table]) => (
        <Chart key={title} title={title} table={table} time={Intl.DateTimeFormat().resolvedOptions().timeZone} height={130} call={call} sync="now" marks={marks} range={[seconds(first), seconds(last)]} />
      ))}
    </SimpleGrid>
  );
}

function LiveTraffic({ endpoint, revisions }: TrafficProps) {
  const looks = useLive(async (signal) => ({ at: Date.now() / 1000, minutes: await api.traffic(endpoint, signal) }), `live ${endpoint}`, kSeconds);
  return <Loaded from={looks}>{(now) => <Traffic endpoint={endpoint} now={now} revisions={revisions} />}</Loaded>;
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
  return (
    <>
      <Facts>
        <Fact name="Requests per second">{rates ? number(rates.perSecond) : "…"}</Fact>
        <Fact name="Fail">{!rates ? "…" : rates.failed === null ? "no request now" : percent(rates.failed)}</Fact>
        <Fact name="Half take at most">{ms(latest?.latency_ms_p50)}</Fact>
        <Fact name="95 of 100">{ms(latest?.latency_ms_p95)}</Fact>
        <Fact name="99 of 100">{ms(latest?.latency_ms_p99)}</Fact>
      </Facts>
      <Charts call={api.trafficPath(endpoint)} revisions={revisions} starts={minutes.map(({ start }) => start)}>
        {[
          ["Latency in ms", latenciesOf(minutes)],
          ["Errors per minute", countsOf(overOf(minutes), "errors")],
          ["Requests per minute", countsOf(overOf(minutes), "requests")],
        ]}
      </Charts>
    </>
  );
}
