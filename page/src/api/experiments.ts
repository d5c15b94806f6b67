// Experiments, in MLflow's words, and their runs as tables.
import { get, mlflow, own, post } from "./fetch";
import type { KeyValue } from "./runs";
import type { Schemas } from "./schemas";

export interface Experiment {
  experiment_id: string;
  name: string;
  creation_time: number;
  last_update_time: number;
  tags?: KeyValue[];
}

// The runs of an experiment as a table: a page of them, of the columns that were asked for.
export interface TableQuery {
  experiment: string;
  filter: string;
  order: string | null; // as MLflow writes it; null: the newest first
  columns: string[];
  group?: { column: string; value: string | null } | undefined; // null: runs that don't have it
}

export type TableValue = Schemas["TableValue"];
export type RunTable = Schemas["RunTable"];
export type RunColumns = Schemas["RunColumns"];
export type RunGroup = Schemas["RunGroup"];
export type RunGroups = Schemas["RunGroups"];
const kExperimentsOfPage = 1000;
const kTableRowsMax = 1000; // of one answer

export const experimentsApi = {
  experimentsCall: { path: mlflow + "experiments/search", body: { max_results: kExperimentsOfPage } },
  experiments: (s?: AbortSignal) => experimentsApi.experimentsSeen("ACTIVE_ONLY", s),
  experimentsSeen: async (view_type: "ACTIVE_ONLY" | "DELETED_ONLY", s?: AbortSignal) => {
    const all: Experiment[] = [];
    let token: string | undefined;
    do {
      const query = { max_results: kExperimentsOfPage, view_type, ...(token && { page_token: token }) };
      const page = await post<{ experiments?: Experiment[]; next_page_token?: string }>(mlflow + "experiments/search", query, s);
      all.push(...(page.experiments ?? []));
      token = page.next_page_token;
    } while (token);
    return all;
  },
  experimentPath: (id: string) => `${mlflow}experiments/get?experiment_id=${encodeURIComponent(id)}`,
  experiment: async (id: string, s?: AbortSignal) => (await get<{ experiment: Experiment }>(experimentsApi.experimentPath(id), s)).experiment,
  runTablePath: ({ experiment, filter, order, columns, group }: TableQuery, offset: number, limit: number, view: number | null) => {
    const query = new URLSearchParams({ columns: columns.join(","), offset: String(offset), limit: String(limit), ...(filter && { filter }), ...(order && { order_by: order }), ...(view && { view: String(view) }) });
    if (group) query.set("group", group.column);
    if (group && group.value !== null) query.set("value", group.value);
    return `${own("experiments", experiment, "table")}?${query}`;
  },
  runTable: (query: TableQuery, offset: number, limit: number, view: number | null, s?: AbortSignal) => get<RunTable>(experimentsApi.runTablePath(query, offset, limit, view), s),
  // The first `most` runs, by one order that is kept meanwhile.
  runTables: async (query: TableQuery, most: number, s?: AbortSignal): Promise<RunTable[]> => {
    const { view } = await experimentsApi.runTable(query, kTableRowsMax, 1, null, s); // a page so deep makes the order
    const pages: RunTable[] = [];
    for (let offset = 0, total = most; offset < Math.min(most, total); offset += kTableRowsMax) {
      const page = await experimentsApi.runTable(query, offset, Math.min(kTableRowsMax, most - offset), view, s);
      total = page.total;
      pages.push(page);
    }
    return pages;
  },
  runColumns: (experiment: string, prefix: string, contains: string, limit: number, s?: AbortSignal) =>
    get<RunColumns>(`${own("experiments", experiment, "columns")}?${new URLSearchParams({ prefix, contains, limit: String(limit) })}`, s),
  runGroupsPath: (experiment: string, by: string, filter: string, metrics: string[], contains: string, limit: number) =>
    `${own("experiments", experiment, "groups")}?${new URLSearchParams({ by, limit: String(limit), ...(filter && { filter }), ...(metrics.length > 0 && { metrics: metrics.join(",") }), ...(contains && { contains }) })}`,
  runGroups: (experiment: string, by: string, filter: string, metrics: string[], contains: string, limit: number, s?: AbortSignal) =>
    get<RunGroups>(experimentsApi.runGroupsPath(experiment, by, filter, metrics, contains, limit), s),
};
