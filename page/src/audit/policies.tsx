import { Anchor, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { type AlarmBudget, type AlertRoute, type AlertRule, api, type Endpoint, ifAbsent, type ModelAlias, type Monitor, type Quiet, type ReleasePolicy } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Command, Head, Time, Word } from "../components/words";
import { number } from "../lib/format";

const kModelsMax = 50; // whose aliases are asked for

interface Facts {
  endpoints: Endpoint[];
  monitors: Monitor[];
  budget: AlarmBudget;
  routes: AlertRoute[];
  quiet: Quiet;
  aliases: { model: string; alias: ModelAlias }[];
}

async function factsOf(signal: AbortSignal): Promise<Facts> {
  const [endpoints, monitors, budget, routes, quiet] = await Promise.all([api.endpoints(signal), api.monitors(signal), api.alarmBudget(signal), api.routes(signal), api.quiet(signal)]);
  const models = [...new Set(endpoints.map(({ definition }) => /^models:\/([^@/]+)/.exec(definition.model)?.[1] ?? "").filter(Boolean))].slice(0, kModelsMax);
  // A model that endpoints wait for may not be there yet.
  const aliases = await Promise.all(models.map(async (model) => (await ifAbsent(api.aliases(model, signal), [])).map((alias) => ({ model, alias }))));
  return { endpoints, monitors, budget, routes, quiet, aliases: aliases.flat().filter(({ alias }) => alias.gated || (alias.approvers ?? []).length > 0) };
}

// What acts by itself, and what keeps it in check: all that slipway.yaml and people have laid down.
export function PoliciesPage() {
  const facts = useLive(factsOf, "policies", 10);
  return (
    <>
      <Head title="Policies" trail={[["Audit", "/audit"]]} />
      <Loaded from={facts}>
        {(found) =>
          found.endpoints.length + found.monitors.length + found.routes.length === 0 ? (
            <Empty title="Nothing is laid down yet.">
              <Text size="sm">Releases, alerts, their actions and routes are declared in slipway.yaml:</Text>
              <Command>slipway apply</Command>
            </Empty>
          ) : (
            <Stack gap="xl">
              <Releases endpoints={found.endpoints} />
              <Protection aliases={found.aliases} />
              <Rules monitors={found.monitors} budget={found.budget} />
              <Routes routes={found.routes} />
              <Silences quiet={found.quiet} />
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}

interface PolicyTableProps {
  title: string;
  names: string[];
  rows: { key: string; cells: ReactNode[] }[];
  none: string;
  children?: ReactNode;
}

function PolicyTable({ title, names, rows, none, children }: PolicyTableProps) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          {none}
        </Text>
      ) : (
        <Table.ScrollContainer minWidth={640}>
          <Table verticalSpacing="xs" aria-label={title}>
            <Table.Thead>
              <Table.Tr>
                {names.map((name) => (
                  <Table.Th key={name}>{name}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(({ key, cells }) => (
                <Table.Tr key={key}>
                  {cells.map((cell, position) => (
                    <Table.Td key={names[position]} className="break">
                      {cell}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {children}
    </section>
  );
}

// "error rate over 0.02", what takes a canary away.
function guardWords({ guard }: ReleasePolicy): string {
  const parts = [
    guard.error_rate === undefined ? "" : `error rate over ${guard.error_rate}`,
    guard.latency_ms_p99 === undefined ? "" : `p99 over ${guard.latency_ms_p99} ms`,
    guard.calibration_bias === undefined ? "" : `calibration off by ${guard.calibration_bias}`,
    guard.quality === undefined ? "" : `${guard.quality.metric} worse by ${guard.quality.worse_by}`,
  ].filter(Boolean);
  return parts.length === 0 ? "nothing" : `${parts.join(", ")}; from ${guard.min_requests} requests and ${guard.min_labels} labels on`;
}

function Releases({ endpoints }: { endpoints: Endpoint[] }) {
  return (
    <PolicyTable
      title="Releases"
      names={["Endpoint", "Follows", "Steps", "A step takes", "Taken away by", "Now"]}
      none="No endpoint is declared."
      rows={endpoints.map(({ name, definition, rollout }) => ({
        key: name,
        cells: [
          <Anchor component={Link} to={`/endpoints/${encodeURIComponent(name)}`} size="sm">
            {name}
          </Anchor>,
          definition.model,
          definition.release?.steps?.map((step) => `${step} %`).join(", ") ?? "–",
          definition.release?.hold ?? "–",
          definition.release?.guard ? guardWords(definition.release as ReleasePolicy) : "–",
          <Word of={rollout.held ? "held" : rollout.phase} />,
        ],
      }))}
    />
  );
}

function Protection({ aliases }: { aliases: Facts["aliases"] }) {
  return (
    <PolicyTable
      title="Who may move an alias"
      names={["Model", "Alias", "Moved by"]}
      none="No alias is protected."
      rows={aliases.map(({ model, alias }) => ({
        key: `${model} ${alias.alias}`,
        cells: [
          <Anchor component={Link} to={`/models/${encodeURIComponent(model)}`} size="sm">
            {model}
          </Anchor>,
          `@${alias.alias}`,
          (alias.approvers ?? []).length > 0 ? (alias.approvers ?? []).join(", ") : "a gate's verdict",
        ],
      }))}
    />
  );
}

// "log_loss over 0.4".
export function conditionWords(rule: AlertRule): string {
  if (rule.unusual) return `${rule.metric} unusually ${rule.unusual === "both" ? "high or low" : rule.unusual}`;
  const bounds = [rule.over === undefined ? "" : `over ${rule.over}`, rule.under === undefined ? "" : `under ${rule.under}`, rule.abs_over === undefined ? "" : `further from 0 than ${rule.abs_over}`];
  return `${rule.metric} ${bounds.filter(Boolean).join(" or ")}`.trim();
}

const listed = (names: string | string[] | undefined) => (names === undefined ? [] : typeof names === "string" ? [names] : names);

function Rules({ monitors, budget }: { monitors: Monitor[]; budget: AlarmBudget }) {
  const rules = monitors.flatMap((monitor) => Object.entries(monitor.definition.alerts).map(([alert, rule]) => ({ monitor, alert, rule })));
  const cellsOf = ({ monitor, alert, rule }: (typeof rules)[number]) => [monitor.name, alert, `${conditionWords(rule)}${rule.slice ? ` in ${rule.slice}` : ""}, by ${rule.window}`, rule.severity ?? "", listed(rule.action).join(", "), listed(rule.route).join(", ")];
  return (
    <PolicyTable
      title="Alerts and what they do"
      names={["Monitor", "Alert", "When", "Severity", "Does", "Tells"]}
      none="No alert is declared."
      rows={rules.map((one) => {
        const [monitor = "", ...rest] = cellsOf(one);
        const link = (
          <Anchor component={Link} to={`/endpoints/${encodeURIComponent(one.monitor.endpoint)}/monitoring`} size="sm">
            {monitor}
          </Anchor>
        );
        return { key: `${monitor} ${one.alert}`, cells: [link, ...rest.map((cell) => cell || "–")] };
      })}
    >
      <Text size="sm" my="xs">
        {budget.declared ? `At most ${number(budget.budget.false_pages)} false pages a ${budget.budget.per} over all models; the rules as they stand are expected to give ${number(budget.false_pages + budget.false_pages_of_thresholds)}.` : "No alarm budget is declared."}
      </Text>
      <Numbers of="Alerts" names={["monitor", "alert", "when", "severity", "does", "tells"]} rows={() => rules.map(cellsOf)} call={api.monitorsPath} />
    </PolicyTable>
  );
}

function Routes({ routes }: { routes: AlertRoute[] }) {
  return (
    <PolicyTable
      title="Where alerts go"
      names={["Route", "Kind", "Signed", "Waiting"]}
      none="No route is declared: alerts stand on these screens alone."
      rows={routes.map((route) => ({ key: route.name, cells: [route.name, route.kind, route.signed ? "yes" : "no", number(route.waiting)] }))}
    />
  );
}

function Silences({ quiet }: { quiet: Quiet }) {
  const rows = [
    ...quiet.silences.map((silence) => ({ key: `silence ${silence.id}`, cells: [silence.match.join(", "), <Word of={silence.state} />, <Time at={silence.starts} />, <Time at={silence.ends} />, `${silence.by}: ${silence.comment}`] })),
    ...quiet.maintenance.map((window) => ({ key: window.name, cells: [window.match.join(", "), window.until ? "maintenance now" : "maintenance", <Time at={window.start ?? null} />, <Time at={window.until ?? window.end ?? null} />, `${window.name}: ${window.why}`] })),
  ];
  return <PolicyTable title="What is kept quiet" names={["Alerts", "State", "From", "Until", "Why"]} none="Nothing." rows={rows} />;
}
