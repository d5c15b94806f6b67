// What others have told of their jobs and datasets.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type ToldNode = Schemas["ToldNode"];
export type ToldGraph = Schemas["ToldGraph"];
// A dataset's facet of columns, as OpenLineage has it.
export interface ToldDataset {
  facets: { columnLineage?: { fields?: Record<string, { inputFields?: { namespace: string; name: string; field: string }[] }> } };
}

export const lineageApi = {
  toldGraphPath: (of: string) => `${own("lineage", "graph")}?${new URLSearchParams({ of })}`,
  toldGraph: (of: string, s?: AbortSignal) => get<ToldGraph>(lineageApi.toldGraphPath(of), s),
  toldDataset: (namespace: string, name: string, s?: AbortSignal) => get<ToldDataset>(`${own("lineage", "dataset")}?${new URLSearchParams({ namespace, name })}`, s),
};
