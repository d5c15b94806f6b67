import { Anchor, Button, Group, NativeSelect, Text, Title } from "@mantine/core";
import { type PointerEvent, useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { type Call, Numbers } from "../components/numbers";
import { useSettled } from "../components/settled";
import { SideScroll } from "../components/side_scroll";
import { type Brush, isKept, keyOf, readBrushes, withBrush } from "../lib/brush";
import { type Attribute, type Axis, axis, colourOf, kColours } from "../lib/compare";
import { number, plural } from "../lib/format";

const kHeight = 240;
const kTop = 34;
const kBottom = 22;
const kSide = 70;
const kWidth = 1080; // where that is room for every axis
const kStepMin = 150;
const kStepMax = 320;
const kAxesShown = 12;
const kTicksShown = 8;
const kBrushPixels = 24; // across an axis, where it is dragged
const kDragPixels = 3; // less is a click
const kPauseMs = 100; // that an end stands still, before runs are kept by it

const short = (text: string) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);

interface ParallelProps {
  labels: string[];
  ids: string[]; // of the runs
  attributes: Attribute[];
  call: Call; // that gave the runs
}

// A line for each run through what was given and what came out. Where two axes meet a run without a value, its line has a gap.
// A part of an axis that is dragged over keeps the runs that lie in it.
export function Parallel({ labels, ids, attributes, call }: ParallelProps) {
  const [over, setOver] = useState<number>();
  const [query, setQuery] = useSearchParams();
  const [drag, setDrag] = useState<{ key: string; from: number; to: number }>(); // places
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
  const brushes = readBrushes(query);
  const brush = (key: string, part: Brush | undefined) => setQuery((before) => withBrush(before, key, part), { replace: true });
  const dragged = drag && { low: Math.min(drag.from, drag.to), high: Math.max(drag.from, drag.to) };
  const shown = drag && dragged ? new Map(brushes).set(drag.key, dragged) : brushes;
  const kept = labels.map((_, run) => isKept(axes, shown, run));
  const placeOf = ({ clientY, currentTarget }: PointerEvent<SVGElement>) => {
    const box = currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, 1 - (clientY - box.top) / box.height));
  };
  const letGo = () => {
    if (drag && dragged) brush(drag.key, (dragged.high - dragged.low) * (y(0) - y(1)) < kDragPixels ? undefined : dragged);
    setDrag(undefined);
  };
  const opacityOf = (run: number) => (!kept[run] ? 0.06 : over === undefined || over === run ? 0.85 : 0.15);
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
              opacity={opacityOf(run)}
              data-kept={kept[run] || undefined}
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
              {shown.has(keyOf(axes[index] as Axis)) && <Part of={shown.get(keyOf(axes[index] as Axis))} x={x(index)} y={y} />}
              <rect
                className="brush-axis"
                data-axis={of.name}
                x={x(index) - kBrushPixels / 2}
                width={kBrushPixels}
                y={y(1)}
                height={y(0) - y(1)}
                onPointerDown={(event) => {
                  event.currentTarget.setPointerCapture(event.pointerId);
                  setDrag({ key: `${of.group}/${of.name}`, from: placeOf(event), to: placeOf(event) });
                }}
                onPointerMove={(event) => drag && setDrag({ ...drag, to: placeOf(event) })}
                onPointerUp={letGo}
                onPointerCancel={() => setDrag(undefined)}
              />
            </g>
          ))}
        </svg>
      </SideScroll>
      <Brushes axes={axes} brushes={brushes} set={brush} ids={ids.filter((_, run) => kept[run])} all={ids.length} query={query} />
      {attributes.length > kAxesShown && (
        <Text size="xs" c="dimmed">
          The first {kAxesShown - 1} of {attributes.length - 1} parameters that are different; all are in the table of values.
        </Text>
      )}
    </section>
  );
}

function Part({ of, x, y }: { of: Brush | undefined; x: number; y: (place: number) => number }) {
  if (!of) return null;
  return <rect className="brush-part" x={x - kBrushPixels / 2} width={kBrushPixels} y={y(of.high)} height={Math.max(2, y(of.low) - y(of.high))} />;
}

interface BrushesProps {
  axes: Axis[];
  brushes: Map<string, Brush>;
  set: (key: string, part: Brush | undefined) => void;
  ids: string[]; // of the runs that are kept
  all: number;
  query: URLSearchParams;
}

// The parts that runs are kept in, to be moved and chosen by keyboard, too.
function Brushes({ axes, brushes, set, ids, all, query }: BrushesProps) {
  const brushed = axes.flatMap((axis) => (brushes.has(keyOf(axis)) ? [{ axis, key: keyOf(axis), part: brushes.get(keyOf(axis)) as Brush }] : []));
  const others = axes.filter((axis) => !brushes.has(keyOf(axis)) && axis.places.some((place) => place !== null));
  const onlyThese = new URLSearchParams(query);
  onlyThese.delete("keep");
  onlyThese.delete("runs");
  for (const id of ids) onlyThese.append("runs", id);
  return (
    <Group gap="md" align="flex-end" role="group" aria-label="Runs that are kept">
      {others.length > 0 && (
        <NativeSelect
          size="xs"
          label="Keep runs by"
          value=""
          onChange={(event) => set(event.currentTarget.value, { low: 0, high: 1 })}
          data={[{ value: "", label: "drag on an axis, or choose one" }, ...others.map((axis) => ({ value: keyOf(axis), label: axis.of.name }))]}
        />
      )}
      {brushed.map(({ axis, key, part }) => (
        <Moved key={key} axis={axis} part={part} set={(next) => set(key, next)} />
      ))}
      {brushed.length > 0 && (
        <Text size="xs" role="status">
          {ids.length} of {plural(all, "run")} kept.{" "}
          {ids.length > 0 && ids.length < all && (
            <Anchor component={Link} to={`?${onlyThese}`} size="xs" underline="always">
              Compare only these
            </Anchor>
          )}
        </Text>
      )}
    </Group>
  );
}

interface MovedProps {
  axis: Axis;
  part: Brush;
  set: (part: Brush | undefined) => void;
}

const written = ({ low, high }: Brush) => `${low} ${high}`;
const read = (text: string): Brush => {
  const [low = 0, high = 1] = text.split(" ").map(Number);
  return { low, high };
};

// One part's ends. They follow the keys at once, the address when they stand still.
function Moved({ axis, part, set }: MovedProps) {
  const { name } = axis.of;
  const [moved, setMoved] = useState(written(part));
  const known = useRef(moved); // what the address has, or will have by us
  const settled = useSettled(moved, kPauseMs);
  useEffect(() => {
    if (written(part) === known.current) return;
    known.current = written(part); // it was dragged
    setMoved(known.current);
  }, [part.low, part.high]);
  useEffect(() => {
    if (settled === known.current) return;
    known.current = settled;
    set(read(settled));
  }, [settled]);
  const now = read(moved);
  return (
    <Group gap={6} align="center" className="brush">
      <Text size="xs">
        <b>{name}</b> {axis.told(now.low)} to {axis.told(now.high)}
      </Text>
      {(["low", "high"] as const).map((end) => (
        <input
          key={end}
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={now[end]}
          aria-label={`${name}, at ${end === "low" ? "least" : "most"}`}
          aria-valuetext={axis.told(now[end])}
          onChange={({ currentTarget: { value } }) => setMoved(written(end === "low" ? { low: Math.min(Number(value), now.high), high: now.high } : { low: now.low, high: Math.max(Number(value), now.low) }))}
        />
      ))}
      <Button size="compact-xs" variant="default" onClick={() => set(undefined)} aria-label={`Keep runs of any ${name}`}>
        any
      </Button>
    </Group>
  );
}
