import { Button, Group, SimpleGrid, Text, Title, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useState } from "react";
import type { FeatureDrift, Window } from "../api";
import { Chart } from "../components/chart";
import { Numbers } from "../components/numbers";
import { begin, day, featureName, featureParts, number } from "../lib/format";
import { byVariant, driftHeat, type Mark, spacedOut } from "../lib/series";
import "./drift.css";

const kLevelWords = ["no drift", "no drift, PSI from 0.1", "drift", "drift, PSI from 0.25"];
const kDates = { wide: 7, narrow: 2 };
const kRowsAtFirst = 10;

interface DriftProps {
  call: string; // that gave the windows
  windows: Window[];
  zone: string;
  range: [number, number];
  marks: Mark[];
  feature: string;
  choose: (feature: string) => void;
}

// "Predictions in the day from 4 Feb: drift by wasserstein, 0.31 against 0.1"
export function Verdict({ of, drift, window }: { of: string; drift: FeatureDrift; window: Window }) {
  return (
    <Text size="sm" mb="xs">
      {of} in the {window.window} from {begin(window)}: <strong>{drift.drifted ? "drift" : "no drift"}</strong> by {drift.method},{" "}
      {number(drift.score ?? null)} against {number(drift.threshold ?? null)}
      {drift.unit && `; ${drift.unit}`}
    </Text>
  );
}

// Each input against the training data: a row of squares over time, and one input's numbers as curves.
export function Drift({ call, windows, zone, range, marks, feature, choose }: DriftProps) {
  const [all, setAll] = useState(false);
  const heat = driftHeat(windows);
  const shown = all ? heat.rows : heat.rows.slice(0, kRowsAtFirst);
  const chosen = heat.rows.find((row) => row.feature === feature) ?? heat.rows[0];
  const of = (read: (drift: FeatureDrift) => number | null) =>
    byVariant(
      windows.filter((window) => window.variant === "live"),
      (window) => {
        const found = window.drift?.find((drift) => drift.feature === chosen?.feature);
        return found && read(found);
      },
    );
  const newest = windows.filter((window) => window.variant === "live" && window.drift?.length).at(-1);
  const verdict = newest?.drift?.find((drift) => drift.feature === chosen?.feature);
  const together = newest?.multivariate;
  return (
    <section aria-label="Drift of the inputs">
      <Title order={2} size="h4" mb="xs">
        Drift of the inputs
      </Title>
      {!chosen ? (
        <Text size="sm" c="dimmed">
          Nothing to compare with: the monitor has no reference, or the inputs are not logged.
        </Text>
      ) : (
        <>
          <div className="heat" role="group" aria-label="Drift of each input in each window">
            {shown.map((row) => (
              <HeatRow key={row.feature} row={row} starts={heat.starts} chosen={row === chosen} choose={choose} />
            ))}
            <Dates windows={windows} starts={heat.starts} />
          </div>
          <Group gap="md" my="xs" className="legend">
            {kLevelWords.map((words, level) => (
              <span key={words} className={`key heat-${level}`}>
                {words}
              </span>
            ))}
            <Text size="xs" c="dimmed">
              on the right: PSI at its highest
            </Text>
            <Numbers of="PSI of all inputs" call={call} names={["input", ...heat.starts]} rows={() => heat.rows.map(({ feature, values }) => [feature, ...values])} />
            {heat.rows.length > kRowsAtFirst && (
              <Button size="compact-xs" variant="default" onClick={() => setAll(!all)}>
                {all ? `The ${kRowsAtFirst} that moved most` : `All ${heat.rows.length} inputs`}
              </Button>
            )}
          </Group>
          {verdict?.method && newest && <Verdict of={featureName(verdict.feature)} drift={verdict} window={newest} />}
          {together && newest && (
            <Text size="sm" mb="xs">
              All inputs together in the {newest.window} from {begin(newest)}: <strong>{together.drifted ? "drift" : "no drift"}</strong> by{" "}
              {together.method_title}, {together.score_is} {number(together.score)}
              {together.drifted && together.causes.length > 0 && `; it lies in ${together.causes.map((cause) => cause.column).join(", ")}`}
            </Text>
          )}
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
            <Chart title={`PSI of ${featureName(chosen.feature)}`} table={of((drift) => drift.psi)} time={zone} range={range} marks={marks} sync="monitoring" call={call} />
            <Chart title={`Missing share of ${featureName(chosen.feature)}`} table={of((drift) => drift.missing_rate)} time={zone} range={range} marks={marks} sync="monitoring" call={call} />
          </SimpleGrid>
        </>
      )}
    </section>
  );
}

// When the windows began.
function Dates({ windows, starts }: { windows: Window[]; starts: string[] }) {
  const isNarrow = useMediaQuery("(max-width: 48em)") ?? false;
  const kind = windows[0]?.window ?? "day";
  return (
    <div className="heat-row heat-dates" aria-hidden>
      <span />
      <div>
        {spacedOut(starts.length, isNarrow ? kDates.narrow : kDates.wide).map((at) => (
          <span key={at} style={{ left: `${(100 * at) / starts.length}%` }}>
            {isNarrow ? begin({ window: kind, start: starts[at] ?? "" }).replace(/ \d{4}/, "") : begin({ window: kind, start: starts[at] ?? "" })}
          </span>
        ))}
      </div>
      <span />
    </div>
  );
}

interface HeatRowProps {
  row: ReturnType<typeof driftHeat>["rows"][number];
  starts: string[];
  chosen: boolean;
  choose: (feature: string) => void;
}

function HeatRow({ row, starts, chosen, choose }: HeatRowProps) {
  const { view, column } = featureParts(row.feature);
  const levelOf = (index: number) => row.levels[index] ?? null;
  const wordsOf = (index: number) => ((levelOf(index) ?? 0) > 1 ? "drift" : "no drift");
  const drifts = row.levels.filter((level) => (level ?? 0) > 1).length;
  return (
    <UnstyledButton
      className="heat-row"
      aria-pressed={chosen}
      title={`${row.feature}: drift in ${drifts} of ${starts.length}, PSI up to ${number(row.most)}`}
      onClick={() => choose(row.feature)}
    >
      <span className="heat-name">
        {view && <span className="dim">{view}.</span>}
        {column}
      </span>
      <svg className="heat-cells" viewBox={`0 0 ${starts.length} 1`} preserveAspectRatio="none" aria-hidden>
        {row.values.map((value, index) => (
          <rect
            key={starts[index]}
            x={index}
            width={0.9}
            height={1}
            className={levelOf(index) === null ? "heat-none" : `heat-${levelOf(index)}`}
          >
            <title>{`${day(starts[index] ?? "")}: ${wordsOf(index)}, PSI ${number(value)}`}</title>
          </rect>
        ))}
      </svg>
      <span className="heat-most">{number(row.most)}</span>
    </UnstyledButton>
  );
}
