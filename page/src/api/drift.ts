// Two sets of data compared column by column.
import { get, own } from "./fetch";

export interface ColumnSide {
  rows: number;
  missing: number;
  missing_rate: number | null;
  min?: number | null;
  max?: number | null;
  mean?: number | null;
  median?: number | null;
}

// Shares of the rows with a value, by the same bins on both sides: of numbers between edges, of categories by label.
export interface PairedHistogram {
  edges?: (number | null)[]; // one more than bins
  labels?: string[];
  reference: number[];
  current: number[];
}

export interface ComparedColumn {
  column: string;
  kind: "numeric" | "categorical" | "text" | "time";
  verdict: "no drift" | "drift" | "changed" | "not compared";
  method?: string;
  method_title?: string;
  score_is?: string;
  score?: number | null;
  threshold?: number;
  reference: ColumnSide;
  current: ColumnSide;
  histogram?: PairedHistogram;
  notes: string[];
}

export interface DriftReport {
  columns: ComparedColumn[]; // the worst first
}

const kReportMs = 120_000;

export const driftApi = {
  driftPath: (reference: string, current: string) => `${own("drift")}?${new URLSearchParams({ reference, current })}`,
  // All rows of both sides are read.
  drift: (reference: string, current: string, s?: AbortSignal) => get<DriftReport>(driftApi.driftPath(reference, current), s, kReportMs),
};
