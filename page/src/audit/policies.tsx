import { Anchor, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { type AlarmBudget, type AlertRoute, type AlertRule, api, batchPath, type Endpoint, ifAbsent, type ModelAlias, type Monitor, type Quiet, type ReleasePolicy, together } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { type Column, PlainTable, type PlainTableProps } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";
import { number } from "../lib/format";

interface Facts {
  endpoints: Endpoint[];
  monitors: Monitor[];
  budget: AlarmBudget;
  routes: AlertRoute[];
  quiet: Quiet;
  aliases: { model: string; alias: ModelAlias }[];
}

async function factsOf(signal: AbortSignal): Promise<Facts> {
  const [endpoints, monitors, budget, routes, quiet] = await together(
    () => Promise.all([api.endpoints(), api.monitors(), api.alarmBudget(), api.routes(), api.quiet()]),
    signal,
  );
  const models = [...new Set(endpoints.map(({ definition }) => /^models:\/([^@/]+)/.exec(definition.model)?.[1] ?? "").filter(Boolean))];
  // A model that endpoints wait for may not be there yet.
  const aliasesOf = async (model: string) => (await ifAbsent(api.aliases(model), [])).map((alias) => ({ model, alias }));
  const aliases = await together(() => Promise.all(models.map(aliasesOf)), signal);
  return { endpoints, monitors, budget, routes, quiet, aliases: aliases.flat().filter(({ alias }) => alias.gated || (alias.approvers ?? []).length > 0) };
}

// What acts by itself, and what keeps it in check: all that slipway.yaml and people have laid down.
export function PoliciesPage() {
  const facts = useLive(factsOf, "policies", 10, ["endpoints", "monitors", "models", "alarm_budget", "webhooks", "silences", "maintenance"]);
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

function Policy<T>({ title, children, ...table }: { title: string; children?: ReactNode } & Omit<PlainTableProps<T>, "name">) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h4" mb="xs">
        {title}
      </Title>
      {children}
      <PlainTable name={title} {...table} />
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

const spaced = (written: string | undefined) => written?.replace(/(\d)([a-z])/g, "$1 $2").replace(/([a-z])(\d)/g, "$1 $2"); // "1h30m" as people write it
const stepsOf = ({ definition }: Endpoint) => (definition.release?.steps ?? []).map((step) => `${step} %`).join(", ");
const guardOf = ({ definition }: Endpoint) => (definition.release?.guard ? guardWords(definition.release as ReleasePolicy) : "");
const stateOf = ({ rollout }: Endpoint) => (rollout.held ? "held" : rollout.phase);

function Releases({ endpoints }: { endpoints: Endpoint[] }) {
  return (
    <Policy
      title="Releases"
      none="No endpoint is declared."
      rows={endpoints}
      keyOf={({ name }) => name}
      columns={[
        {
          title: "Endpoint",
          kind: "break",
          cell: ({ name }) => (
            <Anchor component={Link} to={`/endpoints/${encodeURIComponent(name)}`} size="sm">
              {name}
            </Anchor>
          ),
          value: ["endpoint", ({ name }) => name],
        },
        { title: "Follows", kind: "break", cell: ({ definition }) => definition.model, value: ["follows", ({ definition }) => definition.model] },
        { title: "Steps", cell: (endpoint) => stepsOf(endpoint) || "–", value: ["steps", stepsOf] },
        { title: "A step takes", cell: ({ definition }) => spaced(definition.release?.hold) ?? "–", value: ["a step takes", ({ definition }) => definition.release?.hold] },
        { title: "Taken back on", kind: "break", cell: (endpoint) => guardOf(endpoint) || "–", value: ["taken back on", guardOf] },
        { title: "Now", cell: (endpoint) => <Word of={stateOf(endpoint)} />, value: ["now", stateOf] },
      ]}
      file={{ of: "releases", call: api.endpointsPath }}
    />
  );
}

const moverOf = ({ alias: { approvers = [] } }: Facts["aliases"][number]) => (approvers.length > 0 ? approvers.join(", ") : "a gate's verdict");

function Protection({ aliases }: { aliases: Facts["aliases"] }) {
  return (
    <Policy
      title="Who may move an alias"
      none="No alias is protected."
      rows={aliases}
      keyOf={({ model, alias }) => `${model} ${alias.alias}`}
      columns={[
        {
          title: "Model",
          kind: "break",
          cell: ({ model }) => (
            <Anchor component={Link} to={`/models/${encodeURIComponent(model)}`} size="sm">
              {model}
            </Anchor>
          ),
          value: ["model", ({ model }) => model],
        },
        { title: "Alias", kind: "nowrap", cell: ({ alias }) => `@${alias.alias}`, value: ["alias", ({ alias }) => alias.alias] },
        { title: "Moved by", kind: "break", cell: moverOf, value: ["moved by", moverOf] },
      ]}
      file={{ of: "who may move an alias", call: batchPath([...new Set(aliases.map(({ model }) => model))].map(api.aliasesPath)) }}
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
  type Rule = (typeof rules)[number];
  // What the CSV has, too.
  const said = (title: string, of: (rule: Rule) => string): Column<Rule> => ({ title, kind: "break", cell: (rule) => of(rule) || "–", value: [title.toLowerCase(), of] });
  return (
    <Policy
      title="Alerts and what they do"
      none="No alert is declared."
      rows={rules}
      keyOf={({ monitor, alert }) => `${monitor.name} ${alert}`}
      columns={[
        {
          ...said("Monitor", ({ monitor }) => monitor.name),
          cell: ({ monitor }) => (
            <Anchor component={Link} to={`/endpoints/${encodeURIComponent(monitor.endpoint)}/monitoring`} size="sm">
              {monitor.name}
            </Anchor>
          ),
        },
        said("Alert", ({ alert }) => alert),
        said("When", ({ rule }) => `${conditionWords(rule)}${rule.input ? ` of ${rule.input}` : ""}${rule.slice ? ` in ${rule.slice}` : ""}, by ${rule.window}`),
        said("Severity", ({ rule }) => rule.severity ?? ""),
        said("Does", ({ rule }) => listed(rule.action).join(", ")),
        said("Tells", ({ rule }) => listed(rule.route).join(", ")),
      ]}
      file={{ of: "Alerts", call: api.monitorsPath }}
    >
      <Text size="sm" mb="xs">
        {budget.declared ? `At most ${number(budget.budget.false_pages)} false pages a ${budget.budget.per} over all models; the rules as they stand are expected to give ${number(budget.false_pages + budget.false_pages_of_thresholds)}.` : "No alarm budget is declared."}
      </Text>
    </Policy>
  );
}

function Routes({ routes }: { routes: AlertRoute[] }) {
  return (
    <Policy
      title="Where alerts go"
      none="No route is declared: alerts stand on these screens alone."
      rows={routes}
      keyOf={({ name }) => name}
      columns={[
        { title: "Route", kind: "break", cell: ({ name }) => name, value: ["route", ({ name }) => name] },
        { title: "Kind", cell: ({ kind }) => kind, value: ["kind", ({ kind }) => kind] },
        { title: "Signed", cell: ({ signed }) => (signed ? "yes" : "no"), value: ["signed", ({ signed }) => signed] },
        { title: "Waiting", kind: "figures", cell: ({ waiting }) => number(waiting), value: ["waiting", ({ waiting }) => waiting] },
      ]}
      file={{ of: "routes", call: api.routesPath }}
    />
  );
}

function Silences({ quiet }: { quiet: Quiet }) {
  const rows = [
    ...quiet.silences.map(({ id, match, state, starts, ends, by, comment }) => ({ key: `silence ${id}`, match, state, from: starts, until: ends, why: `${by}: ${comment}` })),
    ...quiet.maintenance.map(({ name, match, until, start, end, why }) => ({ key: name, match, state: until ? "maintenance now" : "maintenance", from: start ?? null, until: until ?? end ?? null, why: `${name}: ${why}` })),
  ];
  return (
    <Policy
      title="What is kept quiet"
      none="Nothing."
      rows={rows}
      keyOf={({ key }) => key}
      columns={[
        { title: "Alerts", kind: "break", cell: ({ match }) => match.join(", "), value: ["alerts", ({ match }) => match.join(" ")] },
        { title: "State", cell: ({ state }) => (state.startsWith("maintenance") ? state : <Word of={state} />), value: ["state", ({ state }) => state] },
        { title: "From", cell: ({ from }) => <Time at={from} />, value: ["from", ({ from }) => from] },
        { title: "Until", cell: ({ until }) => <Time at={until} />, value: ["until", ({ until }) => until] },
        { title: "Why", kind: "break", cell: ({ why }) => why, value: ["why", ({ why }) => why] },
      ]}
      file={{ of: "what is kept quiet", call: api.quietPath }}
    />
  );
}
