import { useComputedColorScheme } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import uPlot from "uplot";
import { moment, number } from "../lib/format";
import { isSame } from "../lib/same";
import { Numbers } from "./numbers";
import type { Band, Mark, Table } from "../lib/series";
import { panned, type Range, zoomed } from "../lib/zoom";
import { readZoom, withZoom } from "../lib/zoom_address";
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
  isLog?: boolean; // y by its logarithm: all values are above 0
  hasKey?: boolean; // false: what the series are is said elsewhere
}

const kHues = {
  light: { live: "#0b7285", shadow: "#868e96", other: "#e8590c", text: "#495057", grid: "#e9ecef" },
  dark: { live: "#3bc9db", shadow: "#909296", other: "#ff922b", text: "#c1c2c5", grid: "#373a40" },
};
const kPageOfPoints = 10;
const kZoomSettledMs = 400; // then the address has it
const kZoomOfPixel = 1.004; // that the wheel is turned
const kPowersMin = 3;
const kMarkPixels = 16; // between words of a logarithmic axis
const kDotsMax = 40; // of so few points that are seen each has a dot
const kMarkHues = {
  light: { alert: "#e03131", action: "#9c36b5", release: "#1971c2" },
  dark: { alert: "#ff6b6b", action: "#da77f2", release: "#74c0fc" },
};
type MarkHues = (typeof kMarkHues)["light"];

// What is usual, as a shadow under the curves.
function drawUsual(plot: uPlot, usual: UsualPoint[], hues: MarkHues) {
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
  ctx.fillStyle = hues.release;
  ctx.fill();
  ctx.restore();
}

// Upright lines for what happened, level ones for thresholds; under the curves.
function drawMarks(plot: uPlot, marks: Mark[], lines: number[], hues: MarkHues) {
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
    ctx.strokeStyle = hues[mark.kind];
    ctx.setLineDash(mark.kind === "release" ? [] : [5 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
  }
  ctx.strokeStyle = hues.alert;
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

// What is at a place: x, each series' value, and what happened near it.
function wordsAt(plot: uPlot, index: number, pointed: number, shown: ChartProps): string[] {
  const x = plot.data[0][index] ?? 0;
  const texts = [shown.time ? moment(x, shown.time, shown.table.x) : `${shown.xLabel ?? "x"} ${number(x)}`];
  for (const series of shown.table.series) {
    const value = series.values[index];
    if (value !== null && value !== undefined) texts.push(`${series.label}  ${number(value)}`);
  }
  const [low, high] = [shown.band?.low[index], shown.band?.high[index]];
  if (typeof low === "number" && typeof high === "number") texts.push(`95 %  ${number(low)} to ${number(high)}`);
  const near = Math.abs(plot.posToVal(4, "x") - plot.posToVal(0, "x"));
  for (const mark of shown.marks ?? []) if (Math.abs(mark.x - pointed) <= near) texts.push(mark.text);
  return texts;
}

// The text under the pointer, or where the keyboard's cursor is.
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
        // Synced charts follow without their own text.
        if (left < 0 || plot.data[0][index] === undefined || !(plot.over.matches(":hover") || plot.root.parentElement?.matches(":focus-visible"))) {
          box.style.display = "none";
          return;
        }
        const texts = wordsAt(plot, index, plot.posToVal(left, "x"), shown);
        box.textContent = texts.join("\n");
        box.style.display = "block";
        box.style.transform = left > plot.over.clientWidth / 2 ? "translateX(calc(-100% - 10px))" : "translateX(10px)";
        box.style.left = `${left}px`;
      },
    },
  };
}

// Shows this part of x, in all charts of its group.
function see(plot: uPlot, { sync }: ChartProps, [min, max]: Range) {
  for (const one of sync ? uPlot.sync(sync).plots : [plot]) one.setScale("x", { min, max });
}

const kSteps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -kPageOfPoints, PageUp: kPageOfPoints, Home: -Infinity, End: Infinity };
const kZooms: Record<string, number> = { "+": 0.5, "=": 0.5, "-": 2 };

// Goes where a key says: arrows from point to point, plus and minus nearer and further, 0 to all. Returns at which point the
// cursor is then; undefined: the key says nothing.
function turnKey(plot: uPlot, key: string, from: number, props: ChartProps, all: Range): number | undefined {
  const xs = plot.data[0];
  const { min, max } = plot.scales["x"] ?? {};
  if (xs.length === 0 || typeof min !== "number" || typeof max !== "number") return undefined;
  const [step, factor] = [kSteps[key], kZooms[key]];
  const begun = Math.min(from, xs.length - 1);
  if (step !== undefined) {
    const to = begun < 0 ? (step < 0 ? xs.length - 1 : 0) : Math.max(0, Math.min(xs.length - 1, begun + step));
    const x = xs[to] ?? 0;
    if (x < min || x > max) see(plot, props, panned([min, max], all, (x - (min + max) / 2) / (max - min || 1)));
    return to;
  }
  if (key === "0") see(plot, props, all);
  else if (factor !== undefined) see(plot, props, zoomed([min, max], all, xs[begun] ?? (min + max) / 2, factor));
  else return undefined;
  return begun;
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
    see(plot, current(), [low, high]);
  };
  return { hooks: { init: (plot) => plot.over.addEventListener("wheel", (event) => turn(plot, event), { passive: false }) } };
}

const kWhole = [...Array(15).keys()].flatMap((power) => [1, 2, 5].map((of) => of * 10 ** power)); // between ticks of what is counted

// As "29 Jan", and hours to 24: a day and its month are not confused.
const kTimes: uPlot.Axis.Values = [
  [365 * 86_400, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 86_400, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86_400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, ":{ss}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
  [0.001, ":{ss}.{fff}", "\n{D} {MMM} {YYYY} {HH}:{mm}", null, "\n{D} {MMM} {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
];

function options(props: ChartProps, current: () => ChartProps, allOf: () => Range, dark: boolean, width: number, seen: () => void): uPlot.Options {
  const hues = kHues[dark ? "dark" : "light"];
  const marks = kMarkHues[dark ? "dark" : "light"];
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
      y: props.isLog ? { distr: 3, range: (_, low, high) => decades(low, high) } : { range: (_, low, high) => spread(low, high, levels(current())) },
    },
    axes: [
      { ...axis, space: 70, ...(zone ? { size: 40, values: kTimes } : { size: 24, label: props.xLabel ?? "", labelSize: 14, labelGap: -2, labelFont: axis.font, ...(props.xLabel !== "seconds" && { incrs: kWhole }) }) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((tick: number | null) => (tick === null ? "" : number(tick))), ...(props.isLog ? { filter: apart, grid: { ...axis.grid, filter: apart } } : {}) },
    ],
    series: [
      {},
      ...props.table.series.map((series) => ({
        label: series.label,
        stroke: series.colour ?? hues[series.kind],
        width: series.isPale ? 1 : series.kind === "live" ? 2 : 1.5,
        alpha: series.isPale ? 0.3 : 1,
        spanGaps: props.isSparse ?? false,
        ...(series.kind === "shadow" || series.isDashed ? { dash: [4, 3] } : {}),
        points: { show: (_: uPlot, __: number, first: number, last: number) => last - first < kDotsMax, size: 4, fill: series.colour ?? hues[series.kind] },
      })),
      ...(props.band ? ["low", "high"] : []).map((label) => ({ label, width: 0, points: { show: false } })),
    ],
    ...(props.band ? { bands: [{ series: [series + 2, series + 1] as [number, number], fill: `${hues.live}2b` }] } : {}),
    plugins: [followPointer(current), turnWheel(current, allOf)],
    hooks: {
      setScale: [(_, scale) => scale === "x" && seen()],
      drawAxes: [
        (plot) => drawUsual(plot, current().usual ?? [], marks),
        (plot) => drawMarks(plot, current().marks ?? [], current().lines ?? [], marks),
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
  return [from >= 0 ? Math.max(0, from - air) : from - air, to + air]; // what is never below 0 isn't drawn there
}

// Room for what has a logarithm, from a mark of its axis to another.
function decades(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || !(low > 0)) return [1, 10];
  const [from, to] = uPlot.rangeLog(low, high, 10, false);
  return [from ?? low, to ?? high];
}

// Marks of a logarithmic axis that have room for their words: powers of ten where there are several.
function apart(plot: uPlot, marks: number[]): (number | null)[] {
  const isPower = (mark: number) => Math.abs(Math.log10(mark) - Math.round(Math.log10(mark))) < 1e-9;
  const hasPowers = marks.filter(isPower).length >= kPowersMin;
  let last = Infinity;
  return marks.map((mark) => {
    const at = plot.valToPos(mark, "y");
    if ((hasPowers && !isPower(mark)) || last - at < kMarkPixels) return null;
    last = at;
    return mark;
  });
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
  // The part that is seen, in the address. A chart is told what stands there when it is made; afterwards it tells.
  const [query, setQuery] = useSearchParams();
  const charts = props.sync ?? props.title;
  const isTime = props.time !== undefined;
  const wished = useRef(readZoom(query, charts, isTime));
  const settling = useRef<ReturnType<typeof setTimeout>>();
  const settle = () => {
    const { min, max } = plot.current?.scales["x"] ?? {};
    if (seen.current === undefined || typeof min !== "number" || typeof max !== "number") return;
    const range: Range | undefined = min > all.current[0] || max < all.current[1] ? [min, max] : undefined;
    const told = (of: URLSearchParams) => readZoom(of, charts, isTime);
    if (!isSame(told(query), told(withZoom(query, charts, isTime, range)))) setQuery((before) => withZoom(before, charts, isTime, range), { replace: true });
  };
  const newestSettle = useRef(settle);
  newestSettle.current = settle;
  const seenPart = () => {
    clearTimeout(settling.current);
    settling.current = setTimeout(() => newestSettle.current(), kZoomSettledMs);
  };
  const shape = props.table.series.map((series) => `${series.kind}/${series.label}/${series.colour ?? ""}/${series.isPale ?? false}`).join("|") + (props.band ? "|band" : "") + (props.isLog ? "|log" : "") + (props.xLabel ?? "");

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(options(newest.current, () => newest.current, () => all.current, dark, element.clientWidth, seenPart), [[]], element);
    plot.current = made;
    seen.current = undefined;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: made.height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      clearTimeout(settling.current);
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
    const [low, high] = wished.current ?? [NaN, NaN];
    if (!isZoomed && low < all.current[1] && high > all.current[0]) made.setScale("x", { min: low, max: high });
    if (table.x.length > 0) wished.current = undefined;
  });

  const cursor = useRef(-1); // the keyboard's, at a point; keys may come faster than the browser draws
  const [told, setTold] = useState(""); // what is there
  const press = (event: KeyboardEvent) => {
    const made = plot.current;
    if (!made || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = turnKey(made, event.key, cursor.current, newest.current, all.current);
    if (index === undefined) return;
    event.preventDefault();
    cursor.current = index;
    // A new scale is there when the browser has drawn.
    requestAnimationFrame(() => {
      const x = made.data[0][index];
      if (x === undefined || plot.current !== made || cursor.current !== index) return;
      made.setCursor({ left: made.valToPos(x, "x"), top: 0 });
      setTold(wordsAt(made, index, x, newest.current).join(", "));
    });
  };
  const leave = () => {
    plot.current?.setCursor({ left: -10, top: -10 });
    cursor.current = -1;
    setTold("");
  };

  const keys = props.hasKey ?? true ? props.table.series.filter(({ isPale }) => !isPale) : [];
  const last = (values: (number | null)[]) => values.findLast((value) => value !== null);
  const words = props.table.series.flatMap(({ label, values }) => (last(values) === undefined ? [] : [`${label} ${number(last(values))}`])).join(", ");
  return (
    <figure className="chart" aria-label={`${props.title}: ${words || "no values"}`}>
      <figcaption>
        <span>{props.title}</span>
        {keys.map((series, at) => (
          <span key={`${series.label} ${at}`} className={`key key-${series.kind}`}>
            {keys.length > 1 && `${series.label} `}
            <b>{number(last(series.values))}</b>
          </span>
        ))}
        <Numbers of={props.title} call={props.call} {...numbers(props)} />
      </figcaption>
      <div
        ref={place}
        className="chart-place"
        role="slider"
        tabIndex={0}
        aria-label={`Values of ${props.title}`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, props.table.x.length - 1)}
        aria-valuenow={Math.max(0, cursor.current)}
        aria-valuetext={told || words || "no values"}
        aria-keyshortcuts="ArrowLeft ArrowRight Home End + - 0"
        onKeyDown={press}
        onBlur={leave}
      />
      {!words && <p className="chart-none">{props.isLog ? "no values above 0" : "no values yet"}</p>}
    </figure>
  );
}
