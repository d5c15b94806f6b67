// What others have told of their jobs and datasets.
import { get, own } from "./fetch";

export interface ToldNode {
  key: string;
  kind: "job" | "dataset";
  namespace: string;
  name: string;
  needs: string[]; // keys
  same_as?: string[];
  own?: string; // our dataset that it is
  version?: string;
  run?: { id: string; state: string; last_time: string };
}

export interface ToldGraph {
  start: string[];
  nodes: ToldNode[];
  cut: boolean;
}

export interface ToldColumns {
  facets: { columnLineage?: { fields?: Record<string, { inputFields?: { namespace: string; name: string; field: string }[] }> } };
}

export const lineageApi = {
  toldGraph: (of: string, s?: AbortSignal) => get<ToldGraph>(`${own("lineage", "graph")}?${new URLSearchParams({ of })}`, s),
  toldDataset: (namespace: string, name: string, s?: AbortSignal) => get<ToldColumns>(`${own("lineage", "dataset")}?${new URLSearchParams({ namespace, name })}`, s),
};
