import { Button, Group, SimpleGrid, Text, Title, UnstyledButton } from "@mantine/core";
import { useState } from "react";
import type { FeatureDrift, Window } from "../api";
import { Chart } from "../components/chart";
import { Numbers } from "../components/numbers";
import { begin, day, featureParts, number } from "../lib/format";
import { byVariant, driftHeat, type Mark } from "../lib/series";
import "./drift.css";

// The usual reading of PSI: below 0.1 nothing, from 0.25 on a lot.
const kLevels = [0.1, 0.25, 0.5, 1];
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
          <div className="heat" role="group" aria-label="PSI of each input in each window">
            {shown.map((row) => (
              <HeatRow key={row.feature} row={row} starts={heat.starts} chosen={row === chosen} choose={choose} />
            ))}
          </div>
          <Group gap="md" my="xs" className="legend">
            <span className="key heat-0">PSI below 0.1</span>
            {kLevels.map((level, index) => (
              <span key={level} className={`key heat-${index + 1}`}>
                from {level}
              </span>
            ))}
            <Numbers of="PSI of all inputs" call={call} names={["input", ...heat.starts]} rows={() => heat.rows.map(({ feature, values }) => [feature, ...values])} />
            {heat.rows.length > kRowsAtFirst && (
              <Button size="compact-xs" variant="default" onClick={() => setAll(!all)}>
                {all ? `The ${kRowsAtFirst} that moved most` : `All ${heat.rows.length} inputs`}
              </Button>
            )}
          </Group>
          {verdict?.method && newest && (
            <Text size="sm" mb="xs">
              {verdict.feature} in the {newest.window} from {begin(newest)}:{" "}
              <strong>{verdict.drifted ? "drift" : "no drift"}</strong> by {verdict.method}, {number(verdict.score ?? null)} against{" "}
              {number(verdict.threshold ?? null)}
            </Text>
          )}
          {together && newest && (
            <Text size="sm" mb="xs">
              All inputs together in the {newest.window} from {begin(newest)}: <strong>{together.drifted ? "drift" : "no drift"}</strong> by{" "}
              {together.method_title}, {together.score_is} {number(together.score)}
              {together.drifted && together.causes.length > 0 && `; it lies in ${together.causes.map((cause) => cause.column).join(", ")}`}
            </Text>
          )}
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
            <Chart title={`PSI of ${chosen.feature}`} table={of((drift) => drift.psi)} time={zone} range={range} marks={marks} sync="monitoring" call={call} />
            <Chart title={`Missing share of ${chosen.feature}`} table={of((drift) => drift.missing_rate)} time={zone} range={range} marks={marks} sync="monitoring" call={call} />
          </SimpleGrid>
        </>
      )}
    </section>
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
  return (
    <UnstyledButton
      className="heat-row"
      aria-pressed={chosen}
      title={`${row.feature}: PSI up to ${number(row.most)}`}
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
            className={value === null ? "heat-none" : `heat-${kLevels.filter((level) => value >= level).length}`}
          >
            <title>{`${day(starts[index] ?? "")}: ${number(value)}`}</title>
          </rect>
        ))}
      </svg>
      <span className="heat-most">{number(row.most)}</span>
    </UnstyledButton>
  );
}
