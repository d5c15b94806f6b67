// Datasets and what is different between two of their versions.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type DatasetVersion = Schemas["DatasetVersion"];
export type Dataset = Schemas["Dataset"];
export type ColumnProfile = Schemas["ColumnProfile"];
export type ColumnRule = Schemas["ColumnRule"];
export type DatasetDefinition = Schemas["DatasetDefinition"];
export type DatasetVersions = Schemas["DatasetVersions"];
export type TableCell = Schemas["Cell"];
export type ColumnSummary = Schemas["ColumnSummary"];
export type ColumnDifference = Schemas["ColumnDifference"];
export type TableDiff = Schemas["TableDiff"];

export const datasetsApi = {
  datasetsPath: own("datasets"),
  datasets: async (s?: AbortSignal) => (await get<Schemas["Datasets"]>(datasetsApi.datasetsPath, s)).datasets,
  datasetPath: (name: string) => own("datasets", name),
  dataset: (name: string, s?: AbortSignal) => get<DatasetVersions>(datasetsApi.datasetPath(name), s),
  tableDiffPath: (name: string, from: number, to: number) => `${own("datasets", name, "diff")}?${new URLSearchParams({ from: String(from), to: String(to) })}`,
  tableDiff: (name: string, from: number, to: number, s?: AbortSignal) => get<TableDiff>(datasetsApi.tableDiffPath(name, from, to), s),
};
