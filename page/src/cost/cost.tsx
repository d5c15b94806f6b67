import { Anchor, Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import type { FormEvent } from "react";
import { Link, useSearchParams } from "react-router";
import { type Advice, api, ifAbsent, type ModelOverview, type ServingOption, together, type VersionCost } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { SpanBox } from "../components/span_box";
import { Command, Head, Word } from "../components/words";
import { type Spent, spentOf, sum, weekOf } from "../lib/costs";
import { duration, number, percent } from "../lib/format";
import { closedSpan, isChosen, readSpan, type SpanChoice } from "../lib/span";

const kAgainSeconds = 15;
const kSpanAgainSeconds = 60; // counting reads logs

interface Costs {
  models: ModelOverview[];
  costs: VersionCost[];
  rows: (number | null)[] | undefined; // that each has answered in the time that was chosen; undefined: none was
}

async function load(time: SpanChoice, signal: AbortSignal): Promise<Costs> {
  const [{ models }, costs] = await together(() => Promise.all([api.overview(), api.allCosts()]), signal);
  if (!isChosen(time)) return { models, costs, rows: undefined };
  const span = closedSpan(time, Date.now());
  const histories = await together(() => Promise.all(models.map(({ endpoint }) => ifAbsent(api.trafficHistory(endpoint, span), null))), signal);
  return { models, costs, rows: histories.map((history) => history && history.steps.reduce((sum, { rows }) => sum + rows, 0)) };
}

// What models cost and how many processors they need. The address says of which time, whose advice is shown, `of`, and what is wanted of it.
export function CostPage() {
  const [query] = useSearchParams();
  const of = query.get("of");
  const time = readSpan(query);
  const found = useLive((signal) => load(time, signal), `costs ${JSON.stringify(time)}`, !isChosen(time) ? kAgainSeconds : time.until ? Infinity : kSpanAgainSeconds, ["projects", "endpoints", "monitors"]);
  return (
    <>
      <Head title="Cost and capacity" />
      <Stack gap="xl">
        <Stack gap="sm">
          <SpanBox none="A week, as now" />
          <Loaded from={found}>{(data) => (data.models.length === 0 ? <Empty title="No model is in production yet." /> : <Models {...data} />)}</Loaded>
        </Stack>
        {of && <Capacity key={of} of={of} />}
      </Stack>
    </>
  );
}

// Of a million, since a thousand costs less than people have a feeling for.
const money = (of1000: number | null | undefined, currency = "") => (of1000 === null || of1000 === undefined ? "–" : `${number(of1000 * 1000)} ${currency}`);

const words = ({ cpuSeconds, cost, currency }: Spent) => (cost === null ? `${duration(cpuSeconds)} of a core` : sum(cost, currency));

export function WeekCost({ week }: { week: Spent | undefined }) {
  if (!week || week.cpuSeconds === null) return <>–</>;
  return <span title={`${number(week.predictions)} predictions at the rate of the newest day that had any`}>{words(week)}</span>;
}

const kTargets = [
  ["latency_ms", "Answers within, ms"],
  ["percentile", "of this share"],
  ["rate", "at requests per second"],
] as const;

// The address of an endpoint's advice for such targets; the chosen time stays.
function adviceOf(query: URLSearchParams, of: string, target: Partial<Record<string, string>>): URLSearchParams {
  const next = new URLSearchParams(query);
  next.set("of", of);
  for (const [name] of kTargets) {
    const value = target[name]?.trim();
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return next;
}

function Models({ models, costs, rows: counted }: Costs) {
  const [query] = useSearchParams();
  const rows = models
    .map((model, at) => {
      const own = costs.filter(({ endpoint }) => endpoint === model.endpoint);
      return { model, week: counted ? spentOf(model, own, counted[at] ?? null) : weekOf(model, own) };
    })
    .sort((a, b) => (b.week?.cpuSeconds ?? -1) - (a.week?.cpuSeconds ?? -1));
  const all = rows.reduce((seconds, { week }) => seconds + (week?.cpuSeconds ?? 0), 0);
  const per = counted ? "" : " per week";
  const isPriced = costs.some(({ cost_per_1000 }) => cost_per_1000 !== null);
  const currency = rows.find(({ week }) => week?.currency)?.week?.currency ?? "";
  return (
    <section aria-label="Models">
      <PlainTable
        name="Cost of models"
        minWidth={760}
        rows={rows}
        keyOf={({ model }) => model.endpoint}
        file={{ of: "cost of models", call: api.allCostsPath }}
        columns={[
          {
            title: "Model",
            cell: ({ model }) => (
              <Anchor component={Link} to={`/endpoints/${encodeURIComponent(model.endpoint)}`} fw={600}>
                {model.endpoint}
              </Anchor>
            ),
            value: ["endpoint", ({ model }) => model.endpoint],
          },
          { title: "Version", cell: ({ model, week }) => week?.measured.version ?? model.version ?? "–", value: ["version", ({ model, week }) => week?.measured.version ?? model.version] },
          { title: `Predictions${per}`, cell: ({ week }) => number(week?.predictions), kind: "figures", isRight: true, value: [counted ? "predictions" : "predictions_a_week", ({ week }) => week?.predictions] },
          { title: "CPU per 1,000", cell: ({ week }) => duration(week?.measured.cpu_seconds_per_1000), kind: "figures", isRight: true, value: ["cpu_seconds_per_1000", ({ week }) => week?.measured.cpu_seconds_per_1000] },
          { title: "Cost of 1,000,000", isOnlyInFile: !isPriced, cell: ({ week }) => money(week?.measured.cost_per_1000, week?.currency), kind: "figures", isRight: true, value: ["cost_per_1000", ({ week }) => week?.measured.cost_per_1000] },
          { title: `Cost${per}`, cell: ({ week }) => (counted ? week && week.cpuSeconds !== null ? words(week) : "–" : <WeekCost week={week} />), kind: "figures", isRight: true, value: [counted ? "cost" : "cost_per_week", ({ week }) => week?.cost] },
          { title: "Currency", cell: () => currency || "–", isOnlyInFile: !isPriced, value: ["currency", () => currency] },
          { title: "Share", cell: ({ week }) => (week?.cpuSeconds && all > 0 ? percent(week.cpuSeconds / all) : "–"), kind: "figures", isRight: true, value: ["share", ({ week }) => (week?.cpuSeconds && all > 0 ? week.cpuSeconds / all : null)] },
          {
            title: "Capacity",
            cell: ({ model }) => (
              <Anchor component={Link} to={`?${adviceOf(query, model.endpoint, {})}`}>
                how best served
              </Anchor>
            ),
          },
        ]}
      />
      <Text size="sm" c="dimmed" mt="xs">
        {counted ? "What arrived in this time and was logged" : "A week at the rate of the newest day that a monitor counted predictions"}: {isPriced ? sum(rows.reduce((of, { week }) => of + (week?.cost ?? 0), 0), currency) : `${duration(all)} of a core`} in all, as measured since the server started.
      </Text>
      {!isPriced && (
        <Stack gap={4} mt="sm">
          <Text size="sm">What a core costs is not set. With this, costs are money:</Text>
          <Command>slipway server --price-core-hour 0.0416 --price-currency EUR</Command>
        </Stack>
      )}
    </section>
  );
}

// How an endpoint is best served, for what is wanted; what is left empty is as it was measured.
function Capacity({ of }: { of: string }) {
  const [query, setQuery] = useSearchParams();
  const target = Object.fromEntries(kTargets.flatMap(([name]) => (query.get(name) ? [[name, query.get(name) ?? ""]] : [])));
  const advice = useLive((signal) => api.advice(of, target, signal), `${of} ${JSON.stringify(target)}`, Infinity, [], Infinity); // it asks the model itself, so not again and again
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setQuery(adviceOf(query, of, Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]))));
  };
  return (
    <section aria-label={`Capacity of ${of}`}>
      <Title order={2} size="h4" mb="xs">
        How {of} is best served
      </Title>
      <form onSubmit={apply} key={JSON.stringify(target)}>
        <Group align="flex-end" gap="xs" mb="md">
          {kTargets.map(([name, label]) => (
            <TextInput key={name} size="xs" name={name} label={label} inputMode="decimal" defaultValue={query.get(name) ?? ""} placeholder={name === "rate" ? "as measured" : String(advice.data?.target[name] ?? "")} />
          ))}
          <Button type="submit" size="xs">
            Reckon
          </Button>
        </Group>
      </form>
      <Loaded from={advice}>{(found) => <Options advice={found} call={api.advicePath(of, target)} />}</Loaded>
    </section>
  );
}

const coresOf = ({ replicas, cores_busy }: ServingOption) => (replicas > 0 ? replicas : cores_busy);
const secondsOf = ({ mode, latency_ms }: ServingOption) => (latency_ms === null || mode === "batch" ? null : latency_ms / 1000);

function Options({ advice, call }: { advice: Advice; call: string }) {
  const { options, cost, target } = advice;
  return (
    <Stack gap="xs">
      <Text size="sm">{advice.words}</Text>
      <PlainTable
        name="Ways to serve it"
        rows={options}
        keyOf={({ mode, max_rows, max_wait_ms }) => `${mode} ${max_rows} ${max_wait_ms}`}
        file={{ of: "ways to serve it", call }}
        columns={[
          {
            title: "How",
            cell: ({ mode, max_rows, max_wait_ms }) => (
              <>
                {mode}
                {max_rows > 1 && `, up to ${number(max_rows)} rows together`}
                {max_wait_ms > 0 && `, waiting ${duration(max_wait_ms / 1000)}`}
              </>
            ),
            value: ["mode", ({ mode }) => mode],
            also: [
              ["max_rows", ({ max_rows }) => max_rows],
              ["max_wait_ms", ({ max_wait_ms }) => max_wait_ms],
            ],
          },
          { title: "Meets it", cell: ({ meets_target }) => (meets_target ? <Word of="pass" /> : "no"), value: ["meets_target", ({ meets_target }) => meets_target] },
          { title: "Cores", cell: (option) => number(coresOf(option)), kind: "figures", isRight: true, value: ["cores", coresOf] },
          { title: "Busy", cell: ({ replicas, load }) => (replicas > 0 ? percent(load) : "–"), kind: "figures", isRight: true, value: ["load", ({ replicas, load }) => (replicas > 0 ? load : null)], also: [["replicas", ({ replicas }) => replicas]] },
          { title: `${percent(target.percentile)} within`, cell: (option) => duration(secondsOf(option)), kind: "figures", isRight: true, value: ["seconds", secondsOf] },
          { title: "Cost of 1,000,000", isOnlyInFile: options.every(({ cost_per_1000 }) => cost_per_1000 === null), cell: ({ cost_per_1000 }) => money(cost_per_1000, cost.currency), kind: "figures", isRight: true, value: ["cost_per_1000", ({ cost_per_1000 }) => cost_per_1000] },
        ]}
      />
    </Stack>
  );
}
