import { Anchor, Card, Group, SegmentedControl, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "react-router-dom";

import { type Alert, type MonitorSummary, type MonitorWindow, type Revision, useLive } from "../api";
import { Chart, type Line, type Mark } from "../parts/Chart";
import { count, day, number, seconds, share, time } from "../parts/format";
import { Health, State } from "../parts/Health";
import { Empty, Loaded } from "../parts/State";

const CHARTS = [
  ["log_loss", "Log loss"],
  ["auc", "AUC"],
  ["calibration_bias", "Calibration bias (mean prediction - rate)"],
  ["ece", "Calibration error (ECE)"],
  ["prediction_psi", "Prediction drift (PSI)"],
  ["late_rate", "Rate of the label"],
] as const;
const DRIFT_SHOWN = 12;

function marksOf(alerts: Alert[], revisions: Revision[]): Mark[] {
  const fired = alerts.map((a) => ({ at: seconds(a.time), words: "alert", color: "#fa5252" }));
  const released = revisions
    .filter((r) => r.kind === "promote" || r.kind === "rollback")
    .map((r) => ({ at: seconds(r.time), words: r.kind === "rollback" ? "back" : `v${r.variants.find((v) => v.role === "live")?.version}`, color: "#40c057" }));
  return [...fired, ...released];
}

function linesOf(metric: string, starts: string[], variants: Map<string, Map<string, MonitorWindow>>): Line[] {
  const colors: Record<string, string> = { live: "#228be6" };
  return [...variants].map(([name, windows]) => ({
    label: name,
    values: starts.map((start) => windows.get(start)?.metrics[metric] ?? null),
    color: colors[name] ?? "#868e96",
    dashed: name !== "live",
  }));
}

function Charts({ windows, marks, bands }: { windows: MonitorWindow[]; marks: Mark[]; bands: Map<string, [number, number]> }) {
  const variants = new Map<string, Map<string, MonitorWindow>>();
  for (const w of windows) {
    if (w.variant === "canary") continue; // too short to be a line
    const known = variants.get(w.variant) ?? new Map<string, MonitorWindow>();
    variants.set(w.variant, known.set(w.start, w));
  }
  const starts = [...new Set(windows.map((w) => w.start))].sort();
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      {CHARTS.map(([metric, title]) => (
        <Card key={metric} withBorder padding="sm">
          <Chart title={title} time x={starts.map(seconds)} lines={linesOf(metric, starts, variants)} marks={marks} bands={bands.get(metric)} />
        </Card>
      ))}
    </SimpleGrid>
  );
}

function DriftTable({ window }: { window: MonitorWindow }) {
  const rows = [...window.drift].sort((a, b) => (b.psi ?? 0) - (a.psi ?? 0)).slice(0, DRIFT_SHOWN);
  return (
    <>
      <Title order={3}>Inputs, window from {day(window.start)}</Title>
      <Text size="sm" c="dimmed">
        {count(window.rows)} requests, labels complete to {share(window.completeness)}. Distance from the reference, furthest first.
      </Text>
      <Table.ScrollContainer minWidth={640}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              {["Feature", "PSI", "KS", "Wasserstein", "Jensen-Shannon", "Missing", "Unseen"].map((words) => (
                <Table.Th key={words}>{words}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((d) => (
              <Table.Tr key={d.feature}>
                <Table.Td>{d.feature}</Table.Td>
                <Table.Td>{number(d.psi)}</Table.Td>
                <Table.Td>{number(d.ks)}</Table.Td>
                <Table.Td>{number(d.wasserstein)}</Table.Td>
                <Table.Td>{number(d.jensen_shannon)}</Table.Td>
                <Table.Td>{share(d.missing_rate)}</Table.Td>
                <Table.Td>{share(d.unseen_rate)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}

function AlertTable({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) return <Text c="dimmed">No alert has fired.</Text>;
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {["Time", "Alert", "Value", "State", "Inputs that moved", "Action"].map((words) => (
              <Table.Th key={words}>{words}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {alerts.map((a) => (
            <Table.Tr key={a.id}>
              <Table.Td style={{ whiteSpace: "nowrap" }}>{time(a.time)}</Table.Td>
              <Table.Td>
                {a.alert}: {a.metric}
              </Table.Td>
              <Table.Td style={{ whiteSpace: "nowrap" }}>
                {number(a.value)} (limit {number(a.threshold, 2)})
              </Table.Td>
              <Table.Td>
                <State word={a.state} />
              </Table.Td>
              <Table.Td>{a.causes.map((c) => `${c.feature} ${number(c.psi, 2)}`).join(", ") || "–"}</Table.Td>
              <Table.Td>
                {a.action ? (
                  <>
                    {a.action.kind} <State word={a.action.state} />{" "}
                    {a.action.run_id ? (
                      <Anchor component={Link} to={`/pipeline-runs/${a.action.run_id}`}>
                        run
                      </Anchor>
                    ) : (
                      a.action.reason
                    )}
                  </>
                ) : (
                  "only told"
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

interface Rules {
  definition: { alerts: Record<string, { metric: string; window: string; abs_over?: number }> };
}

function Watched({ monitor, endpoint }: { monitor: MonitorSummary; endpoint: string }) {
  const [kind, setKind] = useState("week");
  const base = `/slipway/v1/monitors/${encodeURIComponent(monitor.name)}`;
  const rules = useLive<Rules>(base);
  const live = useLive<{ windows: MonitorWindow[] }>(`${base}/windows?window=${kind}&drift=0`);
  const alerts = useLive<{ alerts: Alert[] }>(`/slipway/v1/alerts?endpoint=${encodeURIComponent(endpoint)}`);
  const ledger = useLive<{ revisions: Revision[] }>(`/slipway/v1/endpoints/${encodeURIComponent(endpoint)}/revisions?limit=1000`);
  const newest = live.data?.windows.filter((w) => w.variant === "live").at(-1);
  const drift = useLive<{ windows: MonitorWindow[] }>(newest ? `${base}/windows?window=${kind}&variant=live&from=${encodeURIComponent(newest.start)}` : null);
  const bands = new Map<string, [number, number]>();
  for (const rule of Object.values(rules.data?.definition.alerts ?? {})) {
    if (rule.abs_over !== undefined && rule.window === kind) bands.set(rule.metric, [-rule.abs_over, rule.abs_over]);
  }
  return (
    <Stack>
      <Group justify="space-between">
        <Health word={monitor.health} reason={monitor.health_reason} />
        <SegmentedControl aria-label="Window" value={kind} onChange={setKind} data={["day", "week", "month"]} />
      </Group>
      <Loaded live={live}>
        {({ windows }) =>
          windows.length === 0 ? (
            <Empty title="No window has been judged yet">A window is judged when it is over and its labels are there.</Empty>
          ) : (
            <Charts windows={windows} marks={marksOf(alerts.data?.alerts ?? [], ledger.data?.revisions ?? [])} bands={bands} />
          )
        }
      </Loaded>
      <Title order={3}>Alerts</Title>
      <Loaded live={alerts}>{(data) => <AlertTable alerts={data.alerts} />}</Loaded>
      {drift.data?.windows[0] && <DriftTable window={drift.data.windows[0]} />}
    </Stack>
  );
}

export function Monitoring() {
  const { name = "" } = useParams();
  const monitors = useLive<{ monitors: MonitorSummary[] }>("/slipway/v1/monitors");
  return (
    <>
      <Group mb="md" gap="sm">
        <Title order={2}>
          <Anchor component={Link} to={`/endpoints/${encodeURIComponent(name)}`} inherit>
            {name}
          </Anchor>
          , watched
        </Title>
      </Group>
      <Loaded live={monitors}>
        {(data) => {
          const monitor = data.monitors.find((m) => m.endpoint === name);
          return monitor ? (
            <Watched monitor={monitor} endpoint={name} />
          ) : (
            <Empty title="Nobody watches this endpoint">Declare a monitor for it in slipway.yaml.</Empty>
          );
        }}
      </Loaded>
    </>
  );
}
