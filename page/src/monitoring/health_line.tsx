// Health over time at a glance: a column a window, a row an alert's rule, and what happened meanwhile.
import { Group, Text, Title } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Link, useSearchParams } from "react-router";
import type { Verdicts } from "../api";
import { move } from "../components/arrows";
import { Numbers } from "../components/numbers";
import { SideScroll } from "../components/side_scroll";
import { number, plural } from "../lib/format";
import { type CellState, columnsOf, headings, shownColumns } from "../lib/health_line";
import type { Mark } from "../lib/series";
import { StepIcon } from "../pipelines/step_icon";
import "../components/grid.css";
import "./health_line.css";

const kWindowsShown = 60;

const kIcons = { fires: "failed", fine: "succeeded", not_judged: "skipped", waits: "pending" } as const;
export const kStateWords: Record<CellState, string> = { fires: "alert fires", fine: "fine", not_judged: "not judged", waits: "waits for labels" };
const kOneByOne = Object.keys(kIcons) as CellState[];

export function StateIcon({ of, size = 15 }: { of: CellState; size?: number }) {
  return <StepIcon of={kIcons[of]} size={size} />;
}

const kSigns: Record<Mark["kind"], { sign: string; word: string }> = {
  alert: { sign: "▲", word: "an alert opened" },
  action: { sign: "◆", word: "an action" },
  release: { sign: "●", word: "a version took over" },
};

interface HealthLineProps {
  verdicts: Verdicts;
  marks: Mark[];
  zone: string;
  chosen: string; // the start of a window; empty: none
  call: string; // that gave the verdicts
}

export function HealthLine({ verdicts, marks, zone, chosen, call }: HealthLineProps) {
  const [query] = useSearchParams();
  const all = columnsOf(verdicts, marks);
  const at = all.findIndex(({ start }) => start === chosen);
  const [from, until] = shownColumns(all.length, at, kWindowsShown);
  const shown = all.slice(from, until);
  const names = headings(
    shown.map(({ start }) => start),
    verdicts.window,
    zone,
  );
  const name = (column: number) => new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", ...(verdicts.window === "hour" && { timeStyle: "short" }), timeZone: zone }).format(new Date(shown[column]?.start ?? 0));
  const to = (start: string | undefined) => {
    const after = new URLSearchParams(query);
    after.set("at", start ?? "");
    return `?${after}`;
  };
  const scroll = useRef<HTMLDivElement>(null);
  // What is chosen, else the newest, is in sight.
  useEffect(() => {
    const box = scroll.current;
    if (!box) return;
    const cell = box.querySelector<HTMLElement>('[aria-current="true"]');
    if (cell) box.scrollLeft += cell.getBoundingClientRect().left - box.getBoundingClientRect().left - box.clientWidth / 2;
    else box.scrollLeft = box.scrollWidth;
  }, [verdicts.monitor, verdicts.window, shown.length, chosen]);
  const cell = (row: number, column: number, label: string, hint: string, className: string, content: React.ReactNode) => {
    const isChosen = from + column === at;
    return (
      <td key={shown[column]?.start} data-current={isChosen || undefined}>
        <Link
          to={to(shown[column]?.start)}
          preventScrollReset
          className={`grid-cell health-cell ${className}`}
          data-row={row}
          data-column={column}
          tabIndex={row === 0 && column === (at < 0 ? shown.length - 1 : at - from) ? 0 : -1}
          aria-current={isChosen && row === 0 ? "true" : undefined}
          aria-label={label}
          title={hint}
        >
          {content}
        </Link>
      </td>
    );
  };
  const stateCell = (row: number, column: number, what: string, state: CellState, more: string) =>
    cell(row, column, `${what}, ${name(column)}: ${kStateWords[state]}${more}`, `${what}, ${name(column)}\n${kStateWords[state]}${more}`, `step-${kIcons[state]}`, <StateIcon of={state} />);
  const drift = verdicts.alerts.length + 2;
  const states = [...shown.map((column) => column.overall), ...verdicts.alerts.flatMap((alert) => alert.verdicts.slice(from, until).map((word) => word ?? "waits"))];
  const kinds = (Object.keys(kSigns) as Mark["kind"][]).filter((kind) => shown.some((column) => column.happened.some((mark) => mark.kind === kind)));
  return (
    <section aria-label="Health over time">
      <Title order={2} size="h4" mb="xs">
        Health over time
      </Title>
      <SideScroll name="Health over time" place={scroll}>
        <table className="grid" aria-label="Health over time" onKeyDown={move}>
          <thead>
            <tr>
              <th scope="col">
                <span className="dim">{from > 0 || until < all.length ? `${shown.length} of ${plural(all.length, verdicts.window)}` : plural(all.length, verdicts.window)}</span>
              </th>
              {names.map(({ above, below }, column) => (
                <th key={shown[column]?.start} scope="col" className="health-head" data-current={from + column === at || undefined}>
                  <span className="dim">{above}</span>
                  {below}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">All alerts</th>
              {shown.map((column, index) => stateCell(0, index, "All alerts", column.overall, ""))}
            </tr>
            {verdicts.alerts.map((alert, row) => (
              <tr key={alert.alert}>
                <th scope="row" title={`${alert.alert}: ${alert.watches}${alert.threshold === null ? "" : `, limit ${number(alert.threshold)}`}`}>
                  {alert.alert}
                </th>
                {shown.map((_, column) => {
                  const value = alert.values[from + column] ?? null;
                  const more = value === null ? "" : `: ${alert.watches} ${number(value)}${alert.threshold === null ? "" : `, limit ${number(alert.threshold)}`}`;
                  return stateCell(row + 1, column, alert.alert, alert.verdicts[from + column] ?? "waits", more);
                })}
              </tr>
            ))}
            <tr>
              <th scope="row">Happened</th>
              {shown.map((column, index) => {
                const texts = column.happened.map((mark) => mark.text);
                return cell(
                  drift - 1,
                  index,
                  `Happened, ${name(index)}: ${texts.join("; ") || "nothing"}`,
                  texts.length > 0 ? `${name(index)}\n${texts.join("\n")}` : name(index),
                  "health-happened",
                  [...new Set(column.happened.map((mark) => mark.kind))].map((kind) => (
                    <i key={kind} className={`health-${kind}`} aria-hidden>
                      {kSigns[kind].sign}
                    </i>
                  )),
                );
              })}
            </tr>
            {verdicts.windows.some((window) => window.inputs > 0) && (
              <tr>
                <th scope="row">Inputs drifted</th>
                {shown.map((_, column) => {
                  const { inputs = 0, inputs_drifted: drifted = 0 } = verdicts.windows[from + column] ?? {};
                  const words = inputs === 0 ? "not compared" : `${drifted} of ${inputs}`;
                  return cell(drift, column, `Inputs drifted, ${name(column)}: ${words}`, `Inputs drifted, ${name(column)}\n${words}`, drifted > 0 ? "step-refused" : "health-none", inputs === 0 ? "" : drifted);
                })}
              </tr>
            )}
          </tbody>
        </table>
      </SideScroll>
      <Group gap="md" mt={8} className="health-legend">
        <ul className="step-legend" aria-label="Signs">
          {kOneByOne
            .filter((state) => states.includes(state))
            .map((state) => (
              <li key={state}>
                <StateIcon of={state} size={13} /> {kStateWords[state]}
              </li>
            ))}
          {kinds.map((kind) => (
            <li key={kind}>
              <i className={`health-${kind}`} aria-hidden>
                {kSigns[kind].sign}
              </i>{" "}
              {kSigns[kind].word}
            </li>
          ))}
        </ul>
        <Numbers
          of={`Health of ${verdicts.endpoint}`}
          call={call}
          names={["start", "end", "rows", "labels", "inputs drifted", ...verdicts.alerts.flatMap(({ alert }) => [alert, `${alert}: value`])]}
          rows={() => verdicts.windows.map((one, row) => [one.start, one.end, one.rows, one.labels, one.inputs_drifted, ...verdicts.alerts.flatMap(({ verdicts: said, values }) => [said[row] ?? "waits", values[row]])])}
        />
      </Group>
      <Text size="xs" c="dimmed">
        By the alerts as they are declared now. {verdicts.alerts.length === 0 ? "The monitor has none for these windows. " : ""}Choose a {verdicts.window} to see it.
      </Text>
    </section>
  );
}
