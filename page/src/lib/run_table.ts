// What a table of runs shows, as its address says it, and where things are in a table that is longer than any screen.
// Pure functions.

export type Kind = "metrics" | "params" | "tags" | "attributes" | "computed";

// By their names: "metrics.auc", "params.depth", "tags.team", "attributes.status"; "computed.duration" is end less start.
export const kDuration = "computed.duration";
export const kName = "attributes.run_name";
export const kAttributes = ["attributes.status", "attributes.start_time", kDuration, "attributes.end_time", "attributes.user_id", "attributes.run_id", "attributes.artifact_uri"];
const kTitles: Record<string, string> = {
  [kName]: "Run",
  "attributes.status": "State",
  "attributes.start_time": "Started",
  "attributes.end_time": "Ended",
  "attributes.user_id": "By",
  "attributes.run_id": "Id",
  "attributes.artifact_uri": "Artifacts",
  [kDuration]: "Took",
};
const kKindWords: Record<Kind, string> = { metrics: "metric", params: "parameter", tags: "tag", attributes: "", computed: "" };

export const kindOf = (column: string) => column.slice(0, column.indexOf(".")) as Kind;
export const keyOf = (column: string) => column.slice(column.indexOf(".") + 1);
export const titleOf = (column: string) => kTitles[column] ?? keyOf(column);
export const kindWord = (column: string) => kKindWords[kindOf(column)];
export const isKnown = (column: string) => kTitles[column] !== undefined || /^(metrics|params|tags)\../.test(column);

// As MLflow's filters and orders write it: a key of other letters stands in backticks.
export const written = (column: string) => (/^[\w.]+$/.test(keyOf(column)) && !keyOf(column).includes(".") ? column : `${kindOf(column)}.\`${keyOf(column)}\``);

export interface Order {
  column: string;
  isAscending: boolean;
}

export interface TableLook {
  filter: string;
  columns: string[] | null; // null: nobody has chosen
  pins: string[];
  order: Order | null; // null: the newest first
  group: string | null;
  hasCharts: boolean;
}

const list = (text: string | null) => [...new Set((text ?? "").split(",").filter(isKnown))];

export function readLook(query: URLSearchParams): TableLook {
  const order = query.get("order") ?? "";
  const column = order.replace(/^-/, "");
  const group = query.get("group") ?? "";
  return {
    filter: query.get("filter") ?? "",
    columns: query.has("columns") ? list(query.get("columns")).filter((one) => one !== kName) : null,
    pins: list(query.get("pin")),
    order: isKnown(column) && isSortable(column) ? { column, isAscending: !order.startsWith("-") } : null,
    group: isKnown(group) && isGroupable(group) ? group : null,
    hasCharts: query.has("charts"),
  };
}

export function writeLook(look: TableLook): URLSearchParams {
  const query = new URLSearchParams();
  if (look.filter) query.set("filter", look.filter);
  if (look.columns) query.set("columns", look.columns.join(","));
  if (look.pins.length > 0) query.set("pin", look.pins.join(","));
  if (look.order) query.set("order", (look.order.isAscending ? "" : "-") + look.order.column);
  if (look.group) query.set("group", look.group);
  if (look.hasCharts) query.set("charts", "");
  return query;
}

export const isSortable = (column: string) => kindOf(column) !== "computed";
export const isGroupable = (column: string) => ["params", "tags"].includes(kindOf(column)) || ["attributes.status", "attributes.user_id", kName].includes(column);

// A click on a column's title: metrics and times from the greatest on, texts from the first on; then the other way; then as it was.
export function nextOrder(order: Order | null, column: string): Order | null {
  const startsAscending = kindOf(column) !== "metrics" && !column.endsWith("_time");
  if (order?.column !== column) return { column, isAscending: startsAscending };
  return order.isAscending === startsAscending ? { column, isAscending: !startsAscending } : null;
}

// What the server is asked for, to show these columns.
export const asked = (columns: string[]) => [...new Set(columns.flatMap((column) => (column === kDuration ? ["attributes.start_time", "attributes.end_time"] : [column])))];

const kMetricsAtFirst = 5;
const kParamsAtFirst = 5;

// Until somebody chooses: the state and times, and what most runs have.
export function firstColumns(metrics: string[], params: string[]): string[] {
  const own = metrics.filter((name) => !name.startsWith("metrics.system/"));
  return [...kAttributes.slice(0, 3), ...own.slice(0, kMetricsAtFirst), ...params.slice(0, kParamsAtFirst)];
}

// ---- long tables

const kPixelsMax = 8_000_000; // browsers have an end of their own: Firefox at 17 million

// The height of what is scrolled; rows may need more than it can be.
export const boxHeight = (rows: number) => Math.min(rows, kPixelsMax);

export interface Scrolled {
  place: number; // of the scroll bar
  top: number; // of the rows, in their own pixels
}

// Where the rows are when the scroll bar has gone to `place`: small steps move the rows by as much, a jump goes to its share.
export function scrolled(before: Scrolled, place: number, rows: number, view: number): Scrolled {
  const box = boxHeight(rows);
  const [last, lastTop] = [Math.max(0, box - view), Math.max(0, rows - view)];
  if (rows <= box) return { place, top: Math.min(place, lastTop) };
  if (place <= 0) return { place, top: 0 };
  if (place >= last - 1) return { place, top: lastTop };
  const step = place - before.place;
  const top = Math.abs(step) <= view ? before.top + step : (place / last) * lastTop;
  return { place, top: Math.max(0, Math.min(lastTop, top)) };
}

// The columns that are seen between `from` and `to` pixels, and how many pixels are left of them.
export function seenColumns(widths: number[], from: number, to: number): { first: number; end: number; before: number } {
  let [first, end, before, at] = [0, 0, 0, 0];
  widths.forEach((width, index) => {
    if (at + width <= from) {
      first = index + 1;
      before = at + width;
    }
    if (at < to) end = index + 1;
    at += width;
  });
  return { first: Math.min(first, widths.length), end: Math.max(end, Math.min(first, widths.length)), before };
}

// Groups of rows below each other, each with a line of its own that says what it is; rows are there where it is open.
export interface Stretch {
  rows: number;
  hasTitle: boolean;
}

// Which stretch line `index` is in, and which of its rows; -1: its title.
export function findLine(stretches: Stretch[], index: number): { stretch: number; row: number } | undefined {
  let from = 0;
  for (const [stretch, { rows, hasTitle }] of stretches.entries()) {
    const lines = rows + (hasTitle ? 1 : 0);
    if (index < from + lines) return { stretch, row: index - from - (hasTitle ? 1 : 0) };
    from += lines;
  }
  return undefined;
}

export const lines = (stretches: Stretch[]) => stretches.reduce((sum, { rows, hasTitle }) => sum + rows + (hasTitle ? 1 : 0), 0);
