// What a table of runs says in a cell.
import type { ReactNode } from "react";
import { Time, Word } from "../components/words";
import { duration, number, parameter } from "../lib/format";
import type { Row } from "../lib/rows";
import { kDuration, kindOf } from "../lib/run_table";
import type { TableValue } from "../api";

// Milliseconds; undefined while it goes on.
export function lengthOf(row: Row): number | undefined {
  const [start, end] = [row.values.get("attributes.start_time"), row.values.get("attributes.end_time")];
  return typeof start === "number" && typeof end === "number" ? end - start : undefined;
}

// The value behind a cell, as a file has it.
export function valueOf(column: string, row: Row): TableValue {
  if (column === kDuration) return (lengthOf(row) ?? null) === null ? null : (lengthOf(row) ?? 0) / 1000;
  const value = row.values.get(column) ?? null;
  return column.endsWith("_time") && kindOf(column) === "attributes" && typeof value === "number" ? new Date(value).toISOString() : value;
}

export function cell(column: string, row: Row): ReactNode {
  if (!row.values.has(column === kDuration ? "attributes.end_time" : column)) return <span className="dim">…</span>; // it is on its way
  const value = row.values.get(column) ?? null;
  if (column === kDuration) return duration((lengthOf(row) ?? NaN) / 1000);
  if (column === "attributes.status" && typeof value === "string") return <Word of={value} />;
  if (kindOf(column) === "attributes" && column.endsWith("_time")) return <Time at={value} />;
  if (kindOf(column) === "metrics") return <span title={value === null ? undefined : String(value)}>{number(value)}</span>;
  return (
    <span className="run-grid-text" title={value === null ? undefined : String(value)}>
      {kindOf(column) === "params" && typeof value === "string" ? parameter(value) : (value ?? "–")}
    </span>
  );
}
