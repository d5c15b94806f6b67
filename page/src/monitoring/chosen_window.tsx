// One window: what the alerts said of it, what happened in it, and all its numbers.
import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import type { Verdicts, Window } from "../api";
import { PlainTable } from "../components/plain_table";
import { Empty } from "../components/loaded";
import { Fact, Facts, Time } from "../components/words";
import { number, percent, time } from "../lib/format";
import { columnsOf } from "../lib/health_line";
import type { Mark } from "../lib/series";
import { kStateWords, StateIcon } from "./health_line";

interface ChosenWindowProps {
  verdicts: Verdicts;
  windows: Window[]; // of all variants
  marks: Mark[];
  start: string;
  leave: string; // an address without it
  calls: { verdicts: string; windows: string };
}

export function ChosenWindow({ verdicts, windows, marks, start, leave, calls }: ChosenWindowProps) {
  const index = verdicts.windows.findIndex((one) => one.start === start);
  const facts = verdicts.windows[index];
  const back = (
    <Anchor component={Link} to={leave} preventScrollReset>
      All windows
    </Anchor>
  );
  if (!facts) {
    return <Empty title={`No ${verdicts.window} is kept that begins at ${start}.`}>{back}</Empty>;
  }
  const happened = columnsOf(verdicts, marks)[index]?.happened ?? [];
  const live = windows.find((one) => one.variant === "live" && one.start === start);
  const metrics = Object.entries(live?.metrics ?? {}).sort(([a], [b]) => a.localeCompare(b));
  return (
    <section aria-label="The chosen window">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          The {verdicts.window} from {time(facts.start)}
        </Title>
        {back}
      </Group>
      <Stack gap="sm">
        <Facts>
          <Fact name="Until">
            <Time at={facts.end} />
          </Fact>
          <Fact name="State">{facts.judged ? "judged" : "waits for labels"}</Fact>
          <Fact name="Rows">{number(facts.rows)}</Fact>
          <Fact name="Labels">
            {number(facts.labels)}
            {live && ` (${percent(live.completeness)})`}
          </Fact>
          <Fact name="Version in charge">{facts.model_version === 0 ? "–" : facts.model_version}</Fact>
          <Fact name="Inputs drifted">{facts.inputs === 0 ? "not compared" : `${facts.inputs_drifted} of ${facts.inputs}`}</Fact>
        </Facts>
        <PlainTable
          name="What the alerts say of it"
          columns={[
            { title: "Alert", cell: (alert) => <b>{alert.alert}</b>, value: ["alert", (alert) => alert.alert] },
            {
              title: "Says",
              kind: "nowrap",
              cell: (alert) => {
                const state = alert.verdicts[index] ?? "waits";
                return (
                  <>
                    <StateIcon of={state} /> {kStateWords[state]}
                  </>
                );
              },
              value: ["says", (alert) => alert.verdicts[index] ?? "waits"],
            },
            { title: "Watches", kind: "break", cell: (alert) => alert.watches, value: ["watches", (alert) => alert.watches] },
            { title: "Value", kind: "figures", cell: (alert) => number(alert.values[index]), value: ["value", (alert) => alert.values[index]] },
            { title: "Limit", kind: "figures", cell: (alert) => (alert.threshold === null ? "what is usual" : number(alert.threshold)), value: ["limit", (alert) => alert.threshold] },
            { title: "Severity", cell: (alert) => alert.severity, value: ["severity", (alert) => alert.severity] },
          ]}
          rows={verdicts.alerts}
          keyOf={(alert) => alert.alert}
          none="No alert is declared for such windows."
          file={{ of: `Alerts in the ${verdicts.window} from ${start}`, call: calls.verdicts }}
        />
        {happened.length > 0 && (
          <div>
            <Text size="sm" fw={600}>
              What happened in it
            </Text>
            <ul className="window-happened" aria-label="What happened in the window">
              {happened.map((mark) => (
                <li key={`${mark.x} ${mark.text}`}>
                  <Time at={mark.x * 1000} /> {mark.text}
                </li>
              ))}
            </ul>
          </div>
        )}
        {live?.note && (
          <Text size="sm" role="note">
            {live.note}
          </Text>
        )}
        {metrics.length > 0 && (
          <details>
            <summary>{metrics.length} metrics</summary>
            <PlainTable
              name="Metrics of the window"
              minWidth={320}
              columns={[
                { title: "Metric", kind: "break", cell: ([metric]) => metric, value: ["metric", ([metric]) => metric] },
                { title: "Value", kind: "figures", cell: ([, value]) => number(value), value: ["value", ([, value]) => value] },
                {
                  title: "95 %",
                  kind: "figures",
                  cell: ([metric]) => {
                    const ends = live?.intervals?.[metric];
                    return ends ? `${number(ends[0])} to ${number(ends[1])}` : "–";
                  },
                },
              ]}
              rows={metrics}
              keyOf={([metric]) => metric}
              file={{ of: `Metrics of the ${verdicts.window} from ${start}`, call: calls.windows }}
            />
          </details>
        )}
      </Stack>
    </section>
  );
}
