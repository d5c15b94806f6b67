import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { moment, number } from "../lib/format";
import { isSame } from "../lib/same";
import { Numbers } from "./numbers";
import type { Band, Mark, Table } from "../lib/series";
import { panned, type Range, zoomed } from "../lib/zoom";
import "./chart.css";

export interface UsualPoint {
  x: number;
  low: number | null; // null: as low as can be
  high: number | null;
}

export interface ChartProps {
  title: string;
  table: Table;
  time?: string; // x are seconds, shown in this zone; else x are plain numbers
  xLabel?: string;
  marks?: Mark[];
  lines?: number[]; // thresholds
  band?: Band | undefined; // where the live values may as well lie
  usual?: UsualPoint[]; // what is usual, in the order of x
  sync?: string; // charts of one group share their cursor and their zoom
  range?: [number, number]; // of x
  height?: number;
  call?: string; // of the API, that gave the numbers
  isSparse?: boolean; // a series goes on over places where others have points
  hasKey?: boolean; // false: what the series are is said elsewhere
}

const kHues = {
  light: { live: "#0b7285", shadow: "#868e96", other: "#e8590c", text: "#495057", grid: "#e9ecef" },
  dark: { live: "#3bc9db", shadow: "#909296", other: "#ff922b", text: "#c1c2c5", grid: "#373a40" },
};
const kZoomOfPixel = 1.004; // that the wheel is turned
const kDotsMax = 40; // of so few points that are seen each has a dot
export const kMarkHues = { alert: "#e03131", action: "#9c36b5", release: "#1971c2" };

// What is usual, as a shadow under the curves.
function drawUsual(plot: uPlot, usual: UsualPoint[]) {
  const { ctx, bbox } = plot;
  const y = (value: number | null, otherwise: number) => (value === null ? otherwise : plot.valToPos(value, "y", true));
  const points = usual.map((point) => ({
    x: plot.valToPos(point.x, "x", true),
    low: y(point.low, bbox.top + bbox.height),
    high: y(point.high, bbox.top),
  }));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.beginPath();
  for (const point of points) ctx.lineTo(point.x, point.high);
  for (const point of points.reverse()) ctx.lineTo(point.x, point.low);
  ctx.closePath();
  ctx.globalAlpha = 0.15;
  ctx.fillStyle = kMarkHues.release;
  ctx.fill();
  ctx.restore();
}

// Upright lines for what happened, level ones for thresholds; under the curves.
function drawMarks(plot: uPlot, marks: Mark[], lines: number[]) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = devicePixelRatio;
  for (const mark of marks) {
    const x = Math.round(plot.valToPos(mark.x, "x", true));
    // An alert and the action that it starts share their moment: one has the upper half, one the lower.
    const top = bbox.top + (mark.kind === "action" ? bbox.height / 2 : 0);
    const bottom = bbox.top + (mark.kind === "alert" ? bbox.height / 2 : bbox.height);
    ctx.strokeStyle = kMarkHues[mark.kind];
    ctx.setLineDash(mark.kind === "release" ? [] : [5 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
  }
  ctx.strokeStyle = kMarkHues.alert;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  for (const line of lines) {
    const y = Math.round(plot.valToPos(line, "y", true));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

// The text under the pointer: x, each series' value, and what happened near it.
function followPointer(props: () => ChartProps): uPlot.Plugin {
  let box: HTMLDivElement;
  return {
    hooks: {
      init: (plot) => {
        box = document.createElement("div");
        box.className = "chart-tip";
        plot.over.appendChild(box);
      },
      setCursor: (plot) => {
        const { idx, left = -1 } = plot.cursor;
        const shown = props();
        const index = idx ?? -1;
        const x = plot.data[0][index];
        // Synced charts follow without their own text.
        if (left < 0 || x === undefined || !plot.over.matches(":hover")) {
          box.style.display = "none";
          return;
        }
        const when = shown.time
          ? moment(x, shown.time, shown.table.x)
          : `${shown.xLabel ?? "x"} ${number(x)}`;
        const texts = [when];
        for (const series of shown.table.series) {
          const value = series.values[index];
          if (value !== null && value !== undefined) texts.push(`${series.label}  ${number(value)}`);
        }
        const [low, high] = [shown.band?.low[index], shown.band?.high[index]];
        if (typeof low === "number" && typeof high === "number") texts.push(`95 %  ${number(low)} to ${number(high)}`);
        const near = Math.abs(plot.posToVal(4, "x") - plot.posToVal(0, "x"));
        const pointed = plot.posToVal(left, "x");
        for (const mark of shown.marks ?? []) if (Math.abs(mark.x - pointed) <= near) texts.push(mark.text);
        box.textContent = texts.join("\n");
        box.style.display = "block";
        box.style.transform = left > plot.over.clientWidth / 2 ? "translateX(calc(-100% - 10px))" : "translateX(10px)";
        box.style.left = `${left}px`;
      },
    },
  };
}

// The control key and the wheel show less or more around the pointer, the shift key and the wheel what lies beside it; without a
// key the page scrolls. Charts of a group go along.
function turnWheel(current: () => ChartProps, allOf: () => Range): uPlot.Plugin {
  const turn = (plot: uPlot, event: WheelEvent) => {
    const { min, max } = plot.scales["x"] ?? {};
    if (!(event.ctrlKey || event.shiftKey) || typeof min !== "number" || typeof max !== "number") return;
    event.preventDefault();
    const by = event.deltaY || event.deltaX; // a browser may take shift as sideways itself
    const at = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x");
    const [low, high] = event.ctrlKey ? zoomed([min, max], allOf(), at, kZoomOfPixel ** by) : panned([min, max], allOf(), by / plot.over.clientWidth);
    const { sync } = current();
    for (const one of sync ? uPlot.sync(sync).plots : [plot]) one.setScale("x", { min: low, max: high });
  };
  return { hooks: { init: (plot) => plot.over.addEventListener("wheel", (event) => turn(plot, event), { passive: false }) } };
}

// As "29 Jan", and hours to 24: a day and its month are not confused.
const kTimes: uPlot.Axis.Values = [
  [365 * 86_400, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 86_400, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, ":{ss}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
  [0.001, ":{ss}.{fff}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

function options(props: ChartProps, current: () => ChartProps, allOf: () => Range, dark: boolean, width: number): uPlot.Options {
  const hues = kHues[dark ? "dark" : "light"];
  const zone = props.time;
  const series = props.table.series.length;
  const axis = { stroke: hues.text, grid: { stroke: hues.grid, width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width,
    height: props.height ?? 150,
    padding: [8, 18, 0, 0], // half a label has room beside the last tick
    legend: { show: false },
    ...(zone ? { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), zone) } : {}),
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: true, y: false },
      ...(props.sync ? { sync: { key: props.sync, scales: ["x", null] } } : {}),
    },
    scales: {
      x: { time: zone !== undefined, ...(props.range ? { range: (_, low, high) => seenRange(low, high, current()) } : {}) },
      y: { range: (_, low, high) => spread(low, high, levels(current())) },
    },
    axes: [
      { ...axis, size: zone ? 40 : 26, space: 70, ...(zone ? { values: kTimes } : {}) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(number) },
    ],
    series: [
      {},
      ...props.table.series.map((series) => ({
        label: series.label,
        stroke: series.colour ?? hues[series.kind],
        width: series.kind === "live" ? 2 : 1.5,
        spanGaps: props.isSparse ?? false,
        ...(series.kind === "shadow" || series.isDashed ? { dash: [4, 3] } : {}),
        points: { show: (_: uPlot, __: number, first: number, last: number) => last - first < kDotsMax, size: 4, fill: series.colour ?? hues[series.kind] },
      })),
      ...(props.band ? ["low", "high"] : []).map((label) => ({ label, width: 0, points: { show: false } })),
    ],
    ...(props.band ? { bands: [{ series: [series + 2, series + 1] as [number, number], fill: `${hues.live}2b` }] } : {}),
    plugins: [followPointer(current), turnWheel(current, allOf)],
    hooks: {
      drawAxes: [
        (plot) => drawUsual(plot, current().usual ?? []),
        (plot) => drawMarks(plot, current().marks ?? [], current().lines ?? []),
      ],
    },
  };
}

// The given range until the reader drags a narrower one.
function seenRange(low: number, high: number, props: ChartProps): Range {
  const [from, to] = props.range ?? [low, high];
  const data = props.table.x;
  const isAll = low === data[0] && high === data[data.length - 1];
  return isAll ? [from, to] : [low, high];
}

function levels({ lines = [], usual = [] }: ChartProps): number[] {
  return [...lines, ...usual.flatMap(({ low, high }) => [low, high]).filter((value) => value !== null)];
}

// Room for the data, the thresholds and what is usual, and a little air.
function spread(low: number | null, high: number | null, lines: number[]): [number, number] {
  const all = [low, high, ...lines].filter((value): value is number => value !== null && Number.isFinite(value));
  if (all.length === 0) return [0, 1];
  const from = Math.min(...all);
  const to = Math.max(...all);
  const air = (to - from) * 0.08 || Math.abs(to) * 0.1 || 1;
  return [from - air, to + air];
}

function numbers({ table: { x, series }, band, time, xLabel }: ChartProps) {
  return {
    names: [time ? "time" : (xLabel ?? "x"), ...series.map(({ label }) => label), ...(band ? ["low", "high"] : [])],
    rows: () => x.map((at, row) => [time ? new Date(at * 1000).toISOString() : at, ...series.map(({ values }) => values[row]), ...(band ? [band.low[row], band.high[row]] : [])]),
  };
}

// A line chart. Drag to zoom, or turn the wheel with the control key; double click to see all again. The same numbers in words are its label.
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(props);
  newest.current = props;
  const dark = useComputedColorScheme("light") === "dark";
  const seen = useRef<unknown[]>();
  const all = useRef<Range>([0, 0]); // the ends of x when nothing is zoomed
  const shape = props.table.series.map((series) => `${series.kind}/${series.label}/${series.colour ?? ""}`).join("|") + (props.band ? "|band" : "");

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(options(newest.current, () => newest.current, () => all.current, dark, element.clientWidth), [[]], element);
    plot.current = made;
    seen.current = undefined;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: made.height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, shape, props.time, props.sync]);

  useEffect(() => {
    const { table, marks, lines, range, band, usual } = newest.current;
    const now = [table, marks, lines, range, band, usual];
    const made = plot.current;
    if (!made || isSame(now, seen.current)) return;
    const { min, max } = made.scales["x"] ?? {};
    const isZoomed = seen.current !== undefined && typeof min === "number" && typeof max === "number" && (min > all.current[0] || max < all.current[1]);
    seen.current = now;
    all.current = range ?? [table.x[0] ?? 0, table.x.at(-1) ?? 0];
    const ends = band ? [band.low, band.high] : [];
    made.setData([table.x, ...table.series.map((series) => series.values), ...ends] as uPlot.AlignedData, !isZoomed);
    if (isZoomed) made.setScale("x", { min, max }); // who looks at a part keeps it while points come
  });

  const last = (values: (number | null)[]) => values.findLast((value) => value !== null);
  const words = props.table.series.flatMap(({ label, values }) => (last(values) === undefined ? [] : [`${label} ${number(last(values))}`])).join(", ");
  return (
    <figure className="chart" aria-label={`${props.title}: ${words || "no values"}`}>
      <figcaption>
        <span>{props.title}</span>
        {(props.hasKey ?? true ? props.table.series : []).map((series, at) => (
          <span key={`${series.label} ${at}`} className={`key key-${series.kind}`}>
            {props.table.series.length > 1 && `${series.label} `}
            <b>{number(last(series.values))}</b>
          </span>
        ))}
        <Numbers of={props.title} call={props.call} {...numbers(props)} />
      </figcaption>
      <div ref={place} />
      {!words && <p className="chart-none">no values yet</p>}
    </figure>
  );
}
