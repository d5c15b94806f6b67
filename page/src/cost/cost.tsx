import { Anchor, Button, Group, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import type { FormEvent } from "react";
import { Link, useSearchParams } from "react-router";
import { type Advice, api, type ModelOverview, type VersionCost } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Command, Head, Word } from "../components/words";
import { sum, weekOf, type Week } from "../lib/costs";
import { duration, number, percent } from "../lib/format";

// What models cost and how many processors they need. The address says whose advice is shown, `of`, and what is wanted of it.
export function CostPage() {
  const [query] = useSearchParams();
  const of = query.get("of");
  const found = useLive(async (signal) => Promise.all([api.overview(signal), api.allCosts(signal)]), "costs", 5);
  return (
    <>
      <Head title="Cost and capacity" />
      <Stack gap="xl">
        <Loaded from={found}>{([{ models }, costs]) => (models.length === 0 ? <Empty title="No model is in production yet." /> : <Models models={models} costs={costs} />)}</Loaded>
        {of && <Capacity key={of} of={of} />}
      </Stack>
    </>
  );
}

// Of a million, since a thousand costs less than people have a feeling for.
const money = (of1000: number | null | undefined, currency = "") => (of1000 === null || of1000 === undefined ? "–" : `${number(of1000 * 1000)} ${currency}`);

export function WeekCost({ week }: { week: Week | undefined }) {
  if (!week || week.cpuSeconds === null) return <>–</>;
  return <span title={`${number(week.predictions)} predictions at the rate of the newest day that had any`}>{week.cost === null ? `${duration(week.cpuSeconds)} of a core` : sum(week.cost, week.currency)}</span>;
}

function Models({ models, costs }: { models: ModelOverview[]; costs: VersionCost[] }) {
  const rows = models
    .map((model) => ({ model, week: weekOf(model, costs.filter(({ endpoint }) => endpoint === model.endpoint)) }))
    .sort((a, b) => (b.week?.cpuSeconds ?? -1) - (a.week?.cpuSeconds ?? -1));
  const all = rows.reduce((seconds, { week }) => seconds + (week?.cpuSeconds ?? 0), 0);
  const isPriced = costs.some(({ cost_per_1000 }) => cost_per_1000 !== null);
  const currency = rows.find(({ week }) => week?.currency)?.week?.currency ?? "";
  return (
    <section aria-label="Models">
      <Table.ScrollContainer minWidth={760}>
        <Table verticalSpacing="xs" aria-label="Cost of models">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Model</Table.Th>
              <Table.Th>Version</Table.Th>
              <Table.Th ta="right">Predictions a week</Table.Th>
              <Table.Th ta="right">Processor for 1,000</Table.Th>
              <Table.Th ta="right">Cost of 1,000,000 predictions</Table.Th>
              <Table.Th ta="right">Cost per week</Table.Th>
              <Table.Th>Share</Table.Th>
              <Table.Th>Capacity</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ model, week }) => (
              <Table.Tr key={model.endpoint}>
                <Table.Td>
                  <Anchor component={Link} to={`/endpoints/${encodeURIComponent(model.endpoint)}`} fw={600}>
                    {model.endpoint}
                  </Anchor>
                </Table.Td>
                <Table.Td>{week?.measured.version ?? model.version ?? "–"}</Table.Td>
                <Table.Td ta="right" className="figures">
                  {number(week?.predictions)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {duration(week?.measured.cpu_seconds_per_1000)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {money(week?.measured.cost_per_1000, week?.currency)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  <WeekCost week={week} />
                </Table.Td>
                <Table.Td className="figures">{week?.cpuSeconds && all > 0 ? percent(week.cpuSeconds / all) : "–"}</Table.Td>
                <Table.Td>
                  <Anchor component={Link} to={`/cost?${new URLSearchParams({ of: model.endpoint })}`}>
                    how best served
                  </Anchor>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Group justify="space-between" mt="xs">
        <Text size="sm" c="dimmed">
          A week at the rate of the newest day that a monitor counted predictions: {isPriced ? sum(rows.reduce((of, { week }) => of + (week?.cost ?? 0), 0), currency) : `${duration(all)} of a core`} in all, as measured since the server started.
        </Text>
        <Numbers
          of="cost of models"
          names={["endpoint", "version", "predictions_a_week", "cpu_seconds_per_1000", "cost_per_1000", "cost_per_week", "currency"]}
          rows={() => rows.map(({ model, week }) => [model.endpoint, week?.measured.version, week?.predictions, week?.measured.cpu_seconds_per_1000, week?.measured.cost_per_1000, week?.cost, week?.currency])}
          call={api.allCostsPath}
        />
      </Group>
      {!isPriced && (
        <Stack gap={4} mt="sm">
          <Text size="sm">What a core costs is not set. With this, costs are money:</Text>
          <Command>slipway server --price-core-hour 0.0416 --price-currency EUR</Command>
        </Stack>
      )}
    </section>
  );
}

const kTargets = [
  ["latency_ms", "Answers within, ms"],
  ["percentile", "of this share"],
  ["rate", "at requests a second"],
] as const;

// How an endpoint is best served, for what is wanted; what is left empty is as it was measured.
function Capacity({ of }: { of: string }) {
  const [query, setQuery] = useSearchParams();
  const target = Object.fromEntries(kTargets.flatMap(([name]) => (query.get(name) ? [[name, query.get(name) ?? ""]] : [])));
  const advice = useLive((signal) => api.advice(of, target, signal), query.toString(), Infinity, Infinity); // it asks the model itself, so not again and again
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]);
    setQuery({ of, ...Object.fromEntries(typed.filter(([, value]) => value !== "")) });
  };
  return (
    <section aria-label={`Capacity of ${of}`}>
      <Title order={2} size="h4" mb="xs">
        How {of} is best served
      </Title>
      <form onSubmit={apply} key={query.toString()}>
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

function Options({ advice, call }: { advice: Advice; call: string }) {
  const { options, cost, target } = advice;
  return (
    <Stack gap="xs">
      <Text size="sm">{advice.words}</Text>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing={4} aria-label="Ways to serve it">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>How</Table.Th>
              <Table.Th>Meets it</Table.Th>
              <Table.Th ta="right">Cores</Table.Th>
              <Table.Th ta="right">Busy</Table.Th>
              <Table.Th ta="right">{percent(target.percentile)} within</Table.Th>
              <Table.Th ta="right">Cost of 1,000,000 requests</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {options.map((option) => (
              <Table.Tr key={`${option.mode} ${option.max_rows} ${option.max_wait_ms}`}>
                <Table.Td>
                  {option.mode}
                  {option.max_rows > 1 && `, up to ${number(option.max_rows)} rows together`}
                  {option.max_wait_ms > 0 && `, waiting ${number(option.max_wait_ms)} ms`}
                </Table.Td>
                <Table.Td>{option.meets_target ? <Word of="pass" /> : "no"}</Table.Td>
                <Table.Td ta="right" className="figures">
                  {option.replicas > 0 ? number(option.replicas) : number(option.cores_busy)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {option.replicas > 0 ? percent(option.load) : "–"}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {option.latency_ms === null || option.mode === "batch" ? "–" : duration(option.latency_ms / 1000)}
                </Table.Td>
                <Table.Td ta="right" className="figures">
                  {money(option.cost_per_1000, cost.currency)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Numbers
        of="ways to serve it"
        names={["mode", "max_rows", "max_wait_ms", "replicas", "load", "latency_ms", "cost_per_1000", "meets_target"]}
        rows={() => options.map((one) => [one.mode, one.max_rows, one.max_wait_ms, one.replicas, one.load, one.latency_ms, one.cost_per_1000, one.meets_target])}
        call={call}
      />
    </Stack>
  );
}
