import { Anchor, Button, Group, Select, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { api, type Action, type Alert } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { Empty } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Time, Word } from "../components/words";
import { featureParts, number, percent, plural, readable } from "../lib/format";

const kCausesShown = 4;

// `call` gave them. `isOfSeveral`: monitors, so each alert says of which.
export function AlertsTable({ alerts, call, isOfSeveral = false, changed }: { alerts: Alert[]; call: string; isOfSeveral?: boolean; changed: () => void }) {
  const [asked, setAsked] = useState<{ alert: Alert; what: "silence" | "acknowledge" }>();
  if (alerts.length === 0) return <Empty title="No alert so far." />;
  return (
    <>
      {asked && <AnswerAlert {...asked} close={() => setAsked(undefined)} changed={changed} />}
      <PlainTable
        name="Alerts"
        minWidth={950}
        rows={alerts}
        keyOf={({ id }) => id}
        file={{ of: "alerts", call }}
        columns={[
          { title: "Opened", cell: ({ time }) => <Time at={time} />, value: ["opened", ({ time }) => time] },
          {
            title: "Alert",
            cell: (alert) => (
              <>
                <b>{alert.alert}</b>
                <Text size="xs" c="dimmed">
                  {isOfSeveral && `${alert.monitor}, `}
                  {isDetection(alert) ? plural(alert.windows, "detection") : plural(alert.windows, alert.window)}
                </Text>
              </>
            ),
            value: ["alert", ({ alert }) => alert],
            also: [
              ["monitor", ({ monitor }) => monitor],
              ["window", (alert) => (isDetection(alert) ? "" : alert.window)],
              ["window_start", ({ window_start }) => window_start],
              ["times", ({ windows }) => windows],
            ],
          },
          {
            title: "Value",
            cell: (alert) => (
              <>
                {number(alert.value)}
                <Text size="xs" c="dimmed" className="nowrap">
                  {alert.metric}
                  {!isDetection(alert) && `, limit ${number(alert.threshold)}`}
                </Text>
                {alert.why && (
                  <Text size="xs" c="dimmed" maw={260}>
                    {alert.why}
                  </Text>
                )}
              </>
            ),
            kind: "figures",
            value: ["value", ({ value }) => value],
            also: [
              ["metric", ({ metric }) => metric],
              ["limit", (alert) => (isDetection(alert) ? null : alert.threshold)],
              ["why", ({ why }) => why],
            ],
          },
          { title: "Causes: inputs that moved most", cell: (alert) => <Causes alert={alert} />, value: ["causes", ({ causes }) => causes.map(({ feature }) => feature).join(" ")] },
          { title: "Action", cell: ({ actions }) => <Deeds actions={actions} />, maxWidth: 300, value: ["actions", ({ actions }) => actions.map(({ kind, state }) => `${kind}: ${state}`).join("; ")] },
          { title: "State", cell: (alert) => <State alert={alert} ask={(what) => setAsked({ alert, what })} />, value: ["state", ({ state }) => state], also: [["resolved", ({ resolved }) => resolved], ["silenced", ({ silenced }) => silenced], ["acknowledged_by", ({ acknowledged }) => acknowledged?.by]] },
        ]}
      />
    </>
  );
}

function State({ alert, ask }: { alert: Alert; ask: (what: "silence" | "acknowledge") => void }) {
  return (
    <>
      <Group gap={4}>
        <Word of={alert.state} />
        {alert.silenced && <Word of="silenced" />}
      </Group>
      {alert.silenced && (
        <Text size="xs" c="dimmed" maw={220}>
          {alert.silenced}
        </Text>
      )}
      {alert.acknowledged && (
        <Text size="xs" c="dimmed" maw={220}>
          seen by {alert.acknowledged.by}
          {alert.acknowledged.comment && `: ${alert.acknowledged.comment}`}
        </Text>
      )}
      {alert.state === "open" && (
        <Group gap={4} mt={4}>
          {!alert.acknowledged && (
            <Button size="compact-xs" variant="default" onClick={() => ask("acknowledge")}>
              Acknowledge
            </Button>
          )}
          {!alert.silenced && (
            <Button size="compact-xs" variant="default" onClick={() => ask("silence")}>
              Silence
            </Button>
          )}
        </Group>
      )}
      {alert.resolved && (
        <Text size="xs" c="dimmed">
          <Time at={alert.resolved} />
        </Text>
      )}
    </>
  );
}

const kLengths = [
  { value: "1h", label: "1 hour" },
  { value: "4h", label: "4 hours" },
  { value: "1d", label: "1 day" },
  { value: "7d", label: "1 week" },
];

// Asks before an alert is silenced or acknowledged.
export function AnswerAlert({
  alert,
  what,
  close,
  changed,
}: {
  alert: Alert;
  what: "silence" | "acknowledge";
  close: () => void;
  changed: () => void;
}) {
  const [length, setLength] = useState("4h");
  const act = async (text: string, actor: string) => {
    if (what === "silence")
      await api.silence([`endpoint=${alert.endpoint}`, `monitor=${alert.monitor}`, `alert=${alert.alert}`], length, text, actor);
    else await api.acknowledge(alert.id, text, actor);
    changed();
  };
  return (
    <ConfirmDialog
      title={what === "silence" ? `Silence ${alert.alert}` : `Acknowledge ${alert.alert}`}
      verb={what === "silence" ? "Silence" : "Acknowledge"}
      color="blue"
      label="Comment"
      optional={what === "acknowledge"}
      act={act}
      close={close}
    >
      {what === "silence" && (
        <>
          <Text size="sm">It is judged and shown meanwhile; it isn&apos;t sent, and does nothing.</Text>
          <Select label="For" data={kLengths} value={length} allowDeselect={false} onChange={(value) => value && setLength(value)} />
        </>
      )}
    </ConfirmDialog>
  );
}
// Of a detector: its window is the moment of a request.
const isDetection = (alert: Alert) => alert.window_start === alert.window_end;

function Causes({ alert }: { alert: Alert }) {
  if (alert.causes.length === 0) return <>no input moved</>;
  return (
    <Group gap="0 10px">
      {alert.causes.slice(0, kCausesShown).map((cause) => {
        const { view, column } = featureParts(cause.feature);
        const how = cause.request_id
          ? `changed with ${cause.request_id}`
          : cause.how === "missing_rate"
            ? `${percent(cause.missing_rate)} missing`
            : cause.how === "attribution"
              ? "counts for more or less than it did"
              : cause.how === "violation"
                ? "broke a rule"
                : cause.unit
                  ? cause.unit
                  : `PSI ${number(cause.psi)}`;
        return (
          <Text key={cause.feature} size="xs" title={`${cause.feature}: ${how}`} className="nowrap">
            {view && <span className="dim">{view}.</span>}
            {column} <b>{how}</b>
          </Text>
        );
      })}
    </Group>
  );
}

// Of each action what came of it, and why it was held back since.
function Deeds({ actions }: { actions: Action[] }) {
  if (actions.length === 0) return <>–</>;
  const kinds = [...new Set(actions.map((action) => action.kind))];
  return (
    <Stack gap={4}>
      {kinds.map((kind) => {
        const decisions = actions.filter((action) => action.kind === kind);
        const newest = decisions.at(-1);
        const deed = decisions.filter((action) => action.state !== "skipped").at(-1) ?? newest;
        return (
          deed && (
            <div key={kind}>
              <Deed action={deed} />
              {newest && newest !== deed && (
                <Text size="xs" c="dimmed">
                  then held back: {readable(newest.reason)}
                </Text>
              )}
            </div>
          )
        );
      })}
    </Stack>
  );
}

function Deed({ action }: { action: Action }) {
  return (
    <>
      <Group gap={6}>
        <Word of={action.state} />
        {action.run_id ? (
          <Anchor component={Link} to={`/pipeline-runs/${action.run_id}`} size="sm">
            {action.kind}
          </Anchor>
        ) : action.incident ? (
          <Anchor component={Link} to={`/incidents/${action.incident}`} size="sm">
            {action.kind}
          </Anchor>
        ) : (
          <Text size="sm">{action.kind}</Text>
        )}
      </Group>
      {action.reason && (
        <Text size="xs" c="dimmed">
          {readable(action.reason)}
        </Text>
      )}
    </>
  );
}
