import { Group, Text, Title } from "@mantine/core";
import { useState } from "react";
import { type Call, Numbers } from "../components/numbers";
import { SideScroll } from "../components/side_scroll";
import { type Attribute, axis, colourOf, kColours } from "../lib/compare";
import { number } from "../lib/format";

const kHeight = 240;
const kTop = 34;
const kBottom = 22;
const kSide = 70;
const kWidth = 1080; // where that is room for every axis
const kStepMin = 150;
const kStepMax = 320;
const kAxesShown = 12;
const kTicksShown = 8;

const short = (text: string) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);

// A line for each run through what was given and what came out. Where two axes meet a run without a value, its line has a gap.
// `call` gave the runs.
export function Parallel({ labels, attributes, call }: { labels: string[]; attributes: Attribute[]; call: Call }) {
  const [over, setOver] = useState<number>();
  const metric = attributes.at(-1);
  if (attributes.length < 2 || !metric) return null;
  const axes = [...attributes.slice(0, -1).slice(0, kAxesShown - 1), metric].map((one) => axis(one, number));
  const step = Math.min(kStepMax, Math.max(kStepMin, (kWidth - 2 * kSide) / (axes.length - 1)));
  const width = 2 * kSide + step * (axes.length - 1);
  const x = (index: number) => kSide + step * index;
  const y = (place: number) => kTop + (1 - place) * (kHeight - kTop - kBottom);
  const path = (run: number) => {
    let isDown = false;
    return axes
      .map(({ places }, index) => {
        const place = places[run];
        if (place === null || place === undefined) {
          isDown = false;
          return "";
        }
        const moved = isDown ? `L${x(index)} ${y(place)}` : `M${x(index)} ${y(place)}h0`; // a dot, if nothing follows
        isDown = true;
        return moved;
      })
      .join(" ");
  };
  const words = (run: number) => `${labels[run]}: ${axes.map(({ of }) => `${of.name} ${number(of.values[run])}`).join(", ")}`;
  return (
    <section aria-label="Parallel coordinates">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          From parameters to {metric.name}
        </Title>
        <Numbers of="parallel coordinates" call={call} names={["run", ...axes.map(({ of }) => of.name)]} rows={() => labels.map((label, run) => [label, ...axes.map(({ of }) => of.values[run])])} />
      </Group>
      <SideScroll name="Lines of runs">
        <svg width={width} height={kHeight} role="img" aria-label={`Parallel coordinates of ${labels.length} runs over ${axes.map(({ of }) => of.name).join(", ")}; the same numbers are in the table of values`}>
          {labels.map((label, run) => (
            <path
              key={`${label} ${run}`}
              d={path(run)}
              fill="none"
              stroke={colourOf(run)}
              strokeLinecap="round"
              strokeWidth={over === run ? 4 : 2}
              strokeDasharray={run >= kColours.length ? "5 3" : undefined}
              opacity={over === undefined || over === run ? 0.85 : 0.15}
              onPointerEnter={() => setOver(run)}
              onPointerLeave={() => setOver(undefined)}
            >
              <title>{words(run)}</title>
            </path>
          ))}
          {axes.map(({ of, ends, ticks, isLogarithmic }, index) => (
            <g key={`${of.group} ${of.name}`} className="axis">
              <line x1={x(index)} x2={x(index)} y1={y(1)} y2={y(0)} />
              <text x={x(index)} y={12} textAnchor="middle" fontWeight={600}>
                {of.name.length > 20 ? `${of.name.slice(0, 19)}…` : of.name}
                {isLogarithmic && " (log)"}
              </text>
              <text x={x(index)} y={y(1) - 6} textAnchor="middle">
                {ticks.length > kTicksShown || ticks.length === 0 ? short(ends[1]) : ""}
              </text>
              <text x={x(index)} y={y(0) + 16} textAnchor="middle">
                {ticks.length > kTicksShown || ticks.length === 0 ? short(ends[0]) : ""}
              </text>
              {ticks.length <= kTicksShown &&
                ticks.map(({ text, place }) => (
                  <text key={text} x={x(index) + 6} y={y(place) + 4}>
                    {short(text)}
                  </text>
                ))}
            </g>
          ))}
        </svg>
      </SideScroll>
      {attributes.length > kAxesShown && (
        <Text size="xs" c="dimmed">
          The first {kAxesShown - 1} of {attributes.length - 1} parameters that are different; all are in the table of values.
        </Text>
      )}
    </section>
  );
}
