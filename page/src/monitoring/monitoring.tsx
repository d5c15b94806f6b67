import { Anchor, Group, NativeSelect, SegmentedControl, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useMemo } from "react";
import { useParams, useSearchParams } from "react-router";
import { api, type Alert, type AlertRule, type Monitor, type Problem, type Revision, together, type UsualBand, type Verdicts, type Window, type WindowKind } from "../api";
import { Chart } from "../components/chart";
import { useKept, useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { type Column, PlainTable } from "../components/plain_table";
import { SpanBox } from "../components/span_box";
import { Head, Word } from "../components/words";
import { plural, readable } from "../lib/format";
import { isChosen, isIn, reaching, readSpan, type Span, type SpanChoice, spanOf } from "../lib/span";
import { byVariant, intervals, marks, measuredAlike, seconds, withEstimates } from "../lib/series";
import { AlertsTable } from "./alerts";
import { ChosenWindow } from "./chosen_window";
import { Drift, Verdict } from "./drift";
import { HealthLine } from "./health_line";
import { SlicesOf } from "./slices";

interface Watched {
  monitors: Monitor[]; // of the endpoint
  monitor: Monitor | undefined;
  kind: WindowKind;
  windows: Window[];
  verdicts: Verdicts | undefined;
  span: Span; // that the windows reach into
  alerts: Alert[]; // of all its monitors, that were open then
  revisions: Revision[]; // of then
  bands: Record<string, UsualBand[]>; // by metric
}

// What the address asks for; empty: what there is.
interface Wish {
  monitor: string;
  kind: WindowKind | undefined;
  at: string; // the start of a window
  time: SpanChoice;
}

const kSecondsOfKind: Record<WindowKind, number> = { hour: 3600, day: 86_400, week: 7 * 86_400, month: 31 * 86_400 };

// What is usual of each metric, as its alert without a threshold has it.
async function loadBands(monitor: Monitor | undefined, kind: WindowKind, signal?: AbortSignal): Promise<Record<string, UsualBand[]>> {
  const rules = Object.entries(monitor?.definition.alerts ?? {}).filter(([, rule]) => rule.unusual && !rule.slice && !rule.input && rule.window === kind);
  if (!monitor || rules.length === 0) return {};
  const bands = await api.bandsByAlert(monitor.name, kind, signal);
  return Object.fromEntries(rules.map(([name, rule]) => [rule.metric, bands[name] ?? []]));
}

// Without a wish for another: the monitor with the most open alerts, and weeks if it judges them, else what it does judge.
async function load(endpoint: string, wish: Wish, signal: AbortSignal): Promise<Watched> {
  const [all, opened, changes, clock] = await together(() => Promise.all([api.monitors(), api.alerts(endpoint), api.revisions(endpoint), wish.time.last ? api.clock() : undefined]), signal);
  const span = spanOf(wish.time, clock ? Date.parse(clock.now) : 0);
  const isOf = ({ time, resolved }: Alert) => isIn(span, time) || (isIn({ ...span, from: "" }, time) && (!resolved || isIn({ from: span.from ?? "" }, resolved)));
  const [alerts, revisions] = [opened.filter(isOf), changes.filter(({ time }) => isIn(span, time))];
  const monitors = all.filter((each) => each.endpoint === endpoint);
  const worst = monitors.toSorted((a, b) => b.open_alerts - a.open_alerts)[0];
  const monitor = wish.monitor ? monitors.find((each) => each.name === wish.monitor) : worst;
  const judged = monitor?.definition.windows ?? [];
  const kind = wish.kind ?? (judged.includes("week") ? "week" : judged[0]) ?? "week";
  const reach = reaching(span, kSecondsOfKind[kind]);
  const [windows, verdicts, bands] = await together(
    () => Promise.all([monitor ? api.windows(monitor.name, kind, reach) : [], monitor ? api.verdicts(monitor.name, kind, reach) : undefined, loadBands(monitor, kind)]),
    signal,
  );
  return { monitors, monitor, kind, span: reach, alerts, revisions, windows, verdicts, bands };
}

const kKinds: WindowKind[] = ["hour", "day", "week", "month"];
const kKindNames = { hour: "By hour", day: "By day", week: "By week", month: "By month" };

// What is kept while something new is asked for is of this endpoint alone.
export function MonitoringPage() {
  const { name = "" } = useParams();
  return <Monitoring key={name} name={name} />;
}

function Monitoring({ name }: { name: string }) {
  const [query, setQuery] = useSearchParams();
  const wish = { monitor: query.get("monitor") ?? "", kind: kKinds.find((each) => each === query.get("window")), at: query.get("at") ?? "", time: readSpan(query) };
  const watched = useKept(useLive((signal) => load(name, wish, signal), JSON.stringify([name, wish]), 5, ["monitors", `endpoints/${name}`, "silences", "maintenance"]));
  const kind = wish.kind ?? watched.data?.kind ?? "week";
  // A window of one monitor and length is none of another's.
  const change = (key: string, value: string) =>
    setQuery((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(key, value);
      else after.delete(key);
      if (key === "monitor" || key === "window") after.delete("at");
      if (key === "monitor") after.delete("window");
      return after;
    });
  const monitor = watched.data?.monitor;
  const monitors = watched.data?.monitors ?? [];
  const kinds = monitor?.definition.windows ?? kKinds;
  return (
    <>
      <Head
        title="Monitoring"
        trail={[
          ["Models", "/"],
          [name, `/endpoints/${encodeURIComponent(name)}`],
        ]}
        words={
          monitor && (
            <>
              <Word of={monitor.health} />
              <Text size="sm" c="dimmed">
                {readable(monitor.health_reason)}
              </Text>
            </>
          )
        }
      >
        {monitors.length > 1 && (
          <NativeSelect
            aria-label="Monitor"
            value={monitor?.name ?? ""}
            onChange={(event) => change("monitor", event.currentTarget.value)}
            data={[...(monitor ? [] : [{ value: "", label: "Choose a monitor" }]), ...monitors.map((each) => ({ value: each.name, label: each.open_alerts > 0 ? `${each.name} (${each.open_alerts} open)` : each.name }))]}
          />
        )}
        {kinds.length > 1 ? (
          <SegmentedControl aria-label="Length of a window" value={kind} onChange={(value) => change("window", value)} data={kinds.map((value) => ({ value, label: kKindNames[value] }))} />
        ) : (
          <Text size="sm" c="dimmed">
            {kKindNames[kind]}
          </Text>
        )}
      </Head>
      <Stack gap="md">
        <SpanBox none="All that is kept" drops={["at", "zoom"]} />
        <Loaded from={watched}>
          {(data) =>
            data.monitor ? (
              <Body {...data} monitor={data.monitor} at={wish.at} isOfSpan={isChosen(wish.time)} feature={query.get("feature") ?? ""} change={change} changed={watched.reload} />
            ) : data.monitors.length > 0 ? (
              <Empty title={`No monitor ${wish.monitor} watches this endpoint.`}>
                <Text size="sm">There is {data.monitors.map((each) => each.name).join(", ")}.</Text>
              </Empty>
            ) : (
              <Empty title="No monitor watches this endpoint.">
                <Text size="sm">Declare one in slipway.yaml, under monitors, and apply it.</Text>
              </Empty>
            )
          }
        </Loaded>
      </Stack>
    </>
  );
}

type Drawn = [title: string, metric: string];
const kOfProblem: Record<Problem, Drawn[]> = {
  binary: [
    ["AUC", "auc"],
    ["Log loss", "log_loss"],
    ["Log loss, as a share of the base rate's", "log_loss_ratio"],
    ["Calibration bias", "calibration_bias"],
  ],
  regression: [
    ["Mean absolute error", "mae"],
    ["Root mean squared error", "rmse"],
    ["Bias: prediction less label", "mean_error"],
    ["R²", "r2"],
  ],
  multiclass: [
    ["Accuracy", "accuracy"],
    ["F1, mean of the classes", "f1_macro"],
    ["AUC, each class against the rest", "roc_auc_ovr"],
    ["Log loss", "log_loss"],
  ],
  ranking: [
    ["NDCG@10", "ndcg@10"],
    ["MAP@10", "map@10"],
    ["Mean reciprocal rank", "mrr"],
    ["Hit rate@10", "hit_rate@10"],
  ],
};
const kOfAll: Drawn[] = [
  ["Label completeness", "completeness"],
  ["Hours from prediction to label, median", "label_delay_hours_p50"],
  ["Prediction drift (PSI)", "prediction_psi"],
];

// What the declared method says of predictions.
const kPredictionDrift = "prediction_drift";
const isOfPredictions = (metric: string) => metric.startsWith(kPredictionDrift);

// Metrics that alerts watch are drawn too, and predictions by their `method`, if one is declared.
function drawn(problem: Problem, rules: AlertRule[], method: string | undefined): Drawn[] {
  const known = [...kOfProblem[problem], ...kOfAll];
  if (method) known.push([`Prediction drift (${method})`, kPredictionDrift]);
  const watched = [...new Set(rules.map((rule) => rule.metric))].filter(
    (metric) => !known.some(([, name]) => name === metric.replace(/^estimated_/, "")),
  );
  return [...known, ...watched.map((metric): Drawn => [metric, metric])];
}

const valueOf = (metric: string) => (window: Window) => (metric === "completeness" ? window.completeness : window.metrics[metric]);

// The levels at which a rule on this metric fires.
function thresholds(rules: AlertRule[], metric: string, kind: WindowKind): number[] {
  return rules
    .filter((rule) => rule.metric === metric && !rule.slice && !rule.input && !rule.unusual && rule.window === kind)
    .flatMap(({ over, under, abs_over }) => [over, under, abs_over, abs_over === undefined ? undefined : -abs_over])
    .filter((level) => level !== undefined);
}

function Confusion({ of, since, call }: { of: NonNullable<Window["confusion"]>; since: string; call: string }) {
  return (
    <section aria-label="Answers by label">
      <Title order={2} size="h4" mb="xs">
        What was answered for which label, from {since.slice(0, 10)} on
      </Title>
      <PlainTable
        name="Confusion matrix"
        minWidth={300}
        rows={of.classes.map((name, row) => ({ name, row }))}
        keyOf={({ name }) => name}
        file={{ of: "confusion matrix", call }}
        columns={[
          { title: "Label", cell: ({ name }) => <b>{name}</b>, value: ["label", ({ name }) => name] },
          ...of.classes.map((answer, column): Column<{ name: string; row: number }> => {
            const count = ({ row }: { row: number }) => of.counts[row]?.[column] ?? 0;
            return { title: answer, cell: (one) => (one.row === column ? <b>{count(one)}</b> : count(one)), kind: "figures", value: [answer, count] };
          }),
        ]}
      />
    </section>
  );
}

const isTold = (window: Window) => window.variant === "live" && window.judged && window.rows > 0;

interface BodyProps extends Watched {
  monitor: Monitor;
  at: string;
  isOfSpan: boolean; // not of all that is kept
  feature: string;
  change: (key: string, value: string) => void;
  changed: () => void;
}

function Body({ monitors, monitor, windows, verdicts, alerts, revisions, bands, kind, span, at, isOfSpan, feature, change, changed }: BodyProps) {
  const [query] = useSearchParams();
  const happened = useMemo(
    () =>
      marks(
        alerts.filter((alert) => alert.monitor === monitor.name),
        revisions,
      ),
    [alerts, revisions, monitor.name],
  );
  const { time_zone: zone, alerts: rules } = monitor.definition;
  if (windows.length === 0 && isOfSpan) return <Empty title={`No ${kind} of this time is kept.`} />;
  if (windows.length === 0) {
    return (
      <Empty title={`No ${kind} has ended yet.`}>
        <Text size="sm">A {kind} is judged when its labels have come, or when they have had their time.</Text>
      </Empty>
    );
  }
  const range: [number, number] = [
    Math.min(...windows.map((window) => seconds(window.start))),
    Math.max(...windows.map((window) => seconds(window.end))),
  ];
  const shadows = new Set(windows.filter((window) => window.role === "shadow").map((window) => window.variant));
  const answered = windows.filter((window) => window.variant === "live" || window.role === "shadow");
  const measured = measuredAlike(answered);
  const byMethod = measured.findLast((window) => window.variant === "live");
  const predictions = byMethod?.prediction_drift;
  const charts = drawn(monitor.definition.problem, Object.values(rules), predictions?.method).map(([title, metric]) => {
    const table = byVariant(withEstimates(isOfPredictions(metric) ? measured : answered, metric), valueOf(metric));
    return { title, metric, table, band: intervals(answered, metric, table.x) };
  });
  const confused = windows.findLast((window) => window.variant === "live" && window.confusion && (!at || window.start === at));
  const calls = { verdicts: api.verdictsPath(monitor.name, kind, span), windows: api.windowsPath(monitor.name, kind, span) };
  const withoutWindow = new URLSearchParams(query);
  withoutWindow.delete("at");
  const newest = windows.findLast(isTold);
  const told = at ? windows.find((window) => isTold(window) && window.start === at) : newest;
  const note = newest?.note;
  return (
    <Stack gap="xl">
      {verdicts && <HealthLine verdicts={verdicts} marks={happened} zone={zone} chosen={at} call={calls.verdicts} />}
      {verdicts && at && <ChosenWindow verdicts={verdicts} windows={windows} marks={happened} start={at} leave={`?${withoutWindow}`} calls={calls} />}
      <section aria-label="Performance over time">
        {note && (
          <Text size="sm" mb="xs" role="note">
            The newest window says: {note}
          </Text>
        )}
        {byMethod && predictions && <Verdict of="Predictions" drift={predictions} window={byMethod} />}
        <Group gap="lg" mb="xs" className="legend">
          <span className="key key-live">live</span>
          {[...shadows].map((name) => (
            <span key={name} className="key key-shadow">
              {name} (shadow)
            </span>
          ))}
          {charts.some(({ table }) => table.series.some((series) => series.kind === "other")) && <span className="key key-other">estimated before labels</span>}
          <Text size="xs" c="dimmed">
            shaded: 95 % interval of live
          </Text>
          <span className="key mark-alert">alert</span>
          <span className="key mark-action">action</span>
          <span className="key mark-release">release</span>
          {Object.keys(bands).length > 0 && <span className="key">blue shadow: what is usual</span>}
          <Text size="xs" c="dimmed">
            {plural(windows.filter((window) => window.variant === "live").length, kind)}; drag or Ctrl and the wheel to zoom, Shift and the wheel to move, double click for all
          </Text>
        </Group>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" verticalSpacing="sm">
          {charts.map(({ title, metric, table, band }) => (
            <Chart
              key={metric}
              title={title}
              table={table}
              band={band}
              time={zone}
              marks={happened}
              lines={[...thresholds(Object.values(rules), metric, kind), ...(metric === kPredictionDrift && predictions?.threshold ? [predictions.threshold] : [])]}
              usual={(bands[metric] ?? []).map(({ window_start, low, high }) => ({ x: seconds(window_start), low, high }))}
              sync="monitoring"
              range={range}
              call={calls.windows}
            />
          ))}
        </SimpleGrid>
      </section>
      {confused?.confusion && <Confusion of={confused.confusion} since={confused.start} call={calls.windows} />}
      <section aria-label="Alerts">
        <Title order={2} size="h4" mb="xs">
          Alerts and what they did
        </Title>
        <AlertsTable call={api.alertsPath(monitor.endpoint)} alerts={alerts} isOfSeveral={monitors.length > 1} changed={changed} />
      </section>
      {told && <SlicesOf key={told.start} monitor={monitor.name} kind={kind} start={told.start} />}
      <Drift call={calls.windows} windows={windows} zone={zone} range={range} marks={happened} feature={feature} choose={(name) => change("feature", name)} />
      <Text size="xs" c="dimmed">
        The same as JSON:{" "}
        <Anchor href={calls.windows} size="xs">
          windows of {monitor.name}
        </Anchor>
      </Text>
    </Stack>
  );
}
