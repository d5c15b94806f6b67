// The rows of a table of runs, of one query or of the groups of one, kept fresh while the tab is seen.
import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import { api, type RunGroups, type TableQuery } from "../api";
import { listen, useHeard } from "../components/news";
import { type Row, Rows } from "../lib/rows";
import type { Stretch } from "../lib/run_table";

const kAgainSeconds = 5; // while nothing is heard of runs
const kMetricsSeconds = 15; // what they log meanwhile
const kGatherMs = 500; // that changes come together in

// A place in the table: which stretch, and which of its rows; -1: its title.
export interface Line {
  stretch: number;
  row: number;
}

export interface RunRows {
  total: number | undefined;
  stretches: Stretch[];
  groups: RunGroups | undefined; // that the stretches are of
  error: Error | undefined;
  rowAt: (stretch: number, row: number) => Row | undefined;
  look: (from: Line, to: Line) => void;
  reload: () => void;
}

// `open` are the groups that are open, by their values as text.
export function useRunRows(query: TableQuery, groups: RunGroups | undefined, open: string[]): RunRows {
  const [, draw] = useReducer((turn: number) => turn + 1, 0);
  const made = useRef(new Map<string, Rows>());
  const base = JSON.stringify(query);
  const isWaiting = query.group !== undefined && groups === undefined; // which groups there are
  const keys = groups ? groups.groups.map(({ value }) => JSON.stringify(value)) : isWaiting ? [] : [""];
  const shown = keys.map((key) => !groups || open.includes(key));
  const keyText = keys.join("\n") + shown.join("");

  const sources = useMemo(() => {
    const next = new Map<string, Rows>();
    keys.forEach((key, at) => {
      if (!shown[at]) return;
      const name = `${base} ${key}`;
      const group = query.group && { column: query.group.column, value: JSON.parse(key || "null") as string | null };
      next.set(name, made.current.get(name) ?? new Rows((offset, limit, view, signal) => api.runTable({ ...query, group }, offset, limit, view, signal), draw));
    });
    for (const [name, rows] of made.current) if (!next.has(name)) rows.stop();
    made.current = next;
    for (const rows of next.values()) if (rows.total === undefined) rows.want(0, 1);
    return keys.map((key) => next.get(`${base} ${key}`));
  }, [base, keyText]);

  const isHeard = useHeard();
  useEffect(() => {
    const refresh = () => {
      if (!document.hidden) for (const rows of sources) rows?.refresh();
    };
    let soon: ReturnType<typeof setTimeout> | undefined;
    const timer = setInterval(refresh, (isHeard ? kMetricsSeconds : kAgainSeconds) * 1000);
    const stop = listen(["runs", `experiments/${query.experiment}`], () => {
      soon ??= setTimeout(() => {
        soon = undefined;
        refresh();
      }, kGatherMs);
    });
    return () => {
      stop();
      clearTimeout(soon);
      clearInterval(timer);
    };
  }, [sources, isHeard, query.experiment]);
  useEffect(
    () => () => {
      for (const rows of made.current.values()) rows.stop();
    },
    [],
  );

  const look = useCallback(
    (from: Line, to: Line) => {
      sources.forEach((rows, at) => {
        if (!rows || at < from.stretch || at > to.stretch) return;
        rows.want(at === from.stretch ? Math.max(0, from.row) : 0, at === to.stretch ? Math.max(0, to.row) + 1 : (rows.total ?? 1));
      });
    },
    [sources],
  );
  const error = sources.find((rows) => rows?.error)?.error;
  const total = isWaiting ? undefined : groups ? groups.runs : sources[0]?.total;
  const now = {
    total,
    stretches: sources.map((rows, at) => ({ rows: rows?.total ?? (shown[at] ? 1 : 0), hasTitle: groups !== undefined })),
    groups,
    rowAt: (stretch: number, row: number) => sources[stretch]?.row(row),
  };
  // What was there before stays until the new rows come, and with it the keyboard's place.
  const before = useRef(now);
  if (total !== undefined || error) before.current = now;
  return {
    ...before.current,
    error,
    look,
    reload: () => {
      for (const rows of sources) rows?.refresh();
    },
  };
}
