// Datasets and what is different between two of their versions.
import { get, own } from "./fetch";

export interface DatasetVersion {
  version: number;
  rows: number;
  quarantined: number;
  digest: string;
  source: string;
  arrival_time: string;
}

export interface Dataset {
  name: string;
  latest: DatasetVersion | null;
}

export interface ColumnProfile {
  name: string;
  type: string;
  rows: number;
  missing: number;
  distinct?: number | null; // null: more than are counted
  min?: number | string | null;
  p05?: number | null;
  p50?: number | null;
  p95?: number | null;
  max?: number | string | null;
  mean?: number | null;
  stddev?: number | null;
  top?: { value: string | number | boolean; rows: number }[];
}

export interface ColumnRule {
  type?: string;
  min?: number;
  max?: number;
  in?: string[];
  required?: boolean;
}

export interface DatasetDefinition {
  path?: string;
  postgres?: { table?: string };
  key?: string[];
  event_time?: string;
  arrival_time?: string;
  columns?: Record<string, ColumnRule>;
  on_violation?: string;
}

export interface DatasetVersions extends Dataset {
  definition: DatasetDefinition;
  latest: (DatasetVersion & { profile: ColumnProfile[]; violations: Record<string, number> }) | null;
  versions: DatasetVersion[]; // newest first
}

export type TableCell = string | number | boolean | null;

export interface ColumnSummary {
  type: string;
  missing: number;
  missing_share: number | null;
  distinct: number;
  min?: number | string;
  mean?: number | null;
  max?: number | string;
}

export interface ColumnDifference {
  column: string;
  changed_cells: number;
  before: ColumnSummary | null;
  after: ColumnSummary | null;
  drift: { measure: string; value: number } | null;
}

export interface TableDiff {
  before: string;
  after: string;
  key: string[];
  same: boolean;
  schema: {
    added: { column: string; type: string }[];
    removed: { column: string; type: string }[];
    types: { column: string; before: string; after: string }[];
  };
  rows: {
    before: number;
    after: number;
    added: number;
    removed: number;
    changed: number;
    unchanged: number;
    duplicate_keys: number;
  };
  examples: {
    changed: { key: Record<string, TableCell>; cells: { column: string; before: TableCell; after: TableCell }[] }[];
    added: Record<string, TableCell>[];
    removed: Record<string, TableCell>[];
    duplicate_keys: Record<string, TableCell>[];
  };
  columns: ColumnDifference[];
  notes: string[];
}

export const datasetsApi = {
  datasetsPath: own("datasets"),
  datasets: async (s?: AbortSignal) => (await get<{ datasets: Dataset[] }>(datasetsApi.datasetsPath, s)).datasets,
  datasetPath: (name: string) => own("datasets", name),
  dataset: (name: string, s?: AbortSignal) => get<DatasetVersions>(datasetsApi.datasetPath(name), s),
  tableDiffPath: (name: string, from: number, to: number) => `${own("datasets", name, "diff")}?${new URLSearchParams({ from: String(from), to: String(to) })}`,
  tableDiff: (name: string, from: number, to: number, s?: AbortSignal) => get<TableDiff>(datasetsApi.tableDiffPath(name, from, to), s),
};
