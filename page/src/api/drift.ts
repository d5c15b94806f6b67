// Two sets of data compared column by column.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type ColumnSide = Schemas["ColumnSide"];
export type PairedHistogram = Schemas["PairedHistogram"];
export type ComparedColumn = Schemas["ComparedColumn"];
export type DriftReport = Schemas["DriftReport"];
const kReportMs = 120_000;

export const driftApi = {
  driftPath: (reference: string, current: string) => `${own("drift")}?${new URLSearchParams({ reference, current })}`,
  // All rows of both sides are read.
  drift: (reference: string, current: string, s?: AbortSignal) => get<DriftReport>(driftApi.driftPath(reference, current), s, kReportMs),
};
