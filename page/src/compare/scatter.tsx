import { Group, NativeSelect, Title } from "@mantine/core";
import { type Call, Numbers } from "../components/numbers";
import { type Attribute, axis, colourOf } from "../lib/compare";
import { number } from "../lib/format";

const kWidth = 440;
const kHeight = 260;
const kLeft = 68;
const kNameLetters = 34; // of what stands beside the upright axis
const kBottom = 36;
const kAir = 12;
const kPlaceOfEnd = 0.95; // from there on a label ends where its dot is

interface ScatterProps {
  labels: string[];
  choices: Attribute[]; // of the level axis
  metric: Attribute;
  x: string;
  call: Call; // that gave the runs
  choose: (name: string) => void;
}

const valueOf = ({ group, name }: Attribute) => `${group}/${name}`;

// A dot for each run: one parameter or metric against the metric.
export function Scatter({ labels, choices, metric, x, call, choose }: ScatterProps) {
  const chosen = choices.find((one) => valueOf(one) === x) ?? choices[0];
  if (!chosen) return null;
  const [across, up] = [axis(chosen, number), axis(metric, number)];
  const left = (place: number) => kLeft + kAir + place * (kWidth - kLeft - 2 * kAir);
  const top = (place: number) => kAir + (1 - place) * (kHeight - kBottom - 2 * kAir);
  return (
    <section aria-label="Scatter">
      <Group justify="space-between" mb="xs" align="end">
        <Title order={2} size="h4">
          One against another
        </Title>
        <Numbers of={`${metric.name} against ${chosen.name}`} call={call} names={["run", chosen.name, metric.name]} rows={() => labels.map((label, run) => [label, chosen.values[run], metric.values[run]])} />
      </Group>
      <NativeSelect size="xs" label="Across" mb="xs" style={{ maxWidth: 240 }} data={choices.map((one) => ({ value: valueOf(one), label: choices.some(({ group, name }) => name === one.name && group !== one.group) ? `${one.name} (${one.group})` : one.name }))} value={valueOf(chosen)} onChange={(event) => choose(event.currentTarget.value)} />
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} className="scatter axis" role="img" aria-label={`${metric.name} against ${chosen.name} of ${labels.length} runs; the same numbers are in the table of values`}>
        <line x1={kLeft} x2={kLeft} y1={kAir} y2={kHeight - kBottom} />
        <line x1={kLeft} x2={kWidth} y1={kHeight - kBottom} y2={kHeight - kBottom} />
        <text x={kLeft - 6} y={top(1) + 4} textAnchor="end">
          {up.ends[1]}
        </text>
        <text x={kLeft - 6} y={top(0) + 4} textAnchor="end">
          {up.ends[0]}
        </text>
        {(across.ticks.length > 0 ? across.ticks.slice(0, 8) : [0, 1].map((place) => ({ text: across.ends[place] ?? "", place }))).map(({ text, place }) => (
          <text key={`${text} ${place}`} x={left(place)} y={kHeight - kBottom + 16} textAnchor={place > kPlaceOfEnd ? "end" : "middle"}>
            {text}
          </text>
        ))}
        <text x={(kLeft + kWidth) / 2} y={kHeight - 4} textAnchor="middle" fontWeight={600}>
          {chosen.name}
          {across.isLogarithmic && " (logarithmic)"}
        </text>
        <text transform={`translate(12 ${(kHeight - kBottom + kAir) / 2}) rotate(-90)`} textAnchor="middle" fontWeight={600}>
          {metric.name.length > kNameLetters ? `${metric.name.slice(0, kNameLetters - 1)}…` : metric.name}
          {up.isLogarithmic && " (logarithmic)"}
        </text>
        {labels.map((label, run) => {
          const [a, b] = [across.places[run], up.places[run]];
          if (a === null || a === undefined || b === null || b === undefined) return null;
          return (
            <circle key={`${label} ${run}`} cx={left(a)} cy={top(b)} r={5} fill={colourOf(run)} opacity={0.85}>
              <title>{`${label}: ${chosen.name} ${number(chosen.values[run])}, ${metric.name} ${number(metric.values[run])}`}</title>
            </circle>
          );
        })}
      </svg>
    </section>
  );
}
