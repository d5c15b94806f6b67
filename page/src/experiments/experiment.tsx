import { Button, Checkbox, Group, NativeSelect, Text } from "@mantine/core";
import { useCallback, useRef, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type RunGroups, type TableQuery, together } from "../api";
import { Bulk } from "../components/bulk";
import { type Live, useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { useSettled } from "../components/settled";
import { Command, Head } from "../components/words";
import { kRunsCompared } from "../lib/compare";
import { number, plural } from "../lib/format";
import { rowsOf } from "../lib/rows";
import { asked, firstColumns, isGroupable, keyOf, kindOf, kindWord, kName, nextOrder, readLook, type TableLook, titleOf, writeLook, written } from "../lib/run_table";
import { AboutExperiment } from "./about";
import { Beside } from "./beside";
import { ColumnPicker } from "./column_picker";
import { FilterBox } from "./filter_box";
import { valueOf } from "./run_cells";
import { RunGrid } from "./run_grid";
import { type Line, useRunRows } from "./run_rows";

const kColumnsAsked = 100; // of the commonest parameters and metrics
const kColumnsAgainSeconds = 30;
const kNameAgainSeconds = 60;
const kGroupsShown = 1000;
const kGroupsAgainSeconds = 10;
const kRunsInCharts = 50;
const kRunsInFile = 100_000;
const kRunsInCall = 50;
const kSettleMs = 400; // that runs are seen before there are charts of them

export function ExperimentPage() {
  const { id = "" } = useParams();
  return <OneExperiment key={id} id={id} />;
}

function OneExperiment({ id }: { id: string }) {
  const [query, setQuery] = useSearchParams();
  const look = readLook(query);
  const change = (part: Partial<TableLook>) => {
    const next = writeLook({ ...look, ...part });
    for (const name of ["metric", "across", "smooth", "y", "x"]) if (query.has(name)) next.set(name, query.get(name) ?? "");
    setQuery(next, { replace: part.filter === undefined });
  };
  const experiment = useLive((signal) => api.experiment(id, signal), id, kNameAgainSeconds, [`experiments/${id}`]);
  const name = experiment.data?.name ?? `Experiment ${id}`;
  const known = useLive(
    async (signal) => {
      const of = async (prefix: string) => (await api.runColumns(id, prefix, "", kColumnsAsked)).columns.map((column) => column.name);
      const [metrics, params, tags] = await together(() => Promise.all(["metrics.", "params.", "tags."].map(of)), signal);
      return { metrics: metrics ?? [], params: params ?? [], tags: tags ?? [] };
    },
    id,
    kColumnsAgainSeconds,
  );
  return (
    <>
      <Head title={name} trail={[["Experiments", "/experiments"]]} />
      {experiment.data && <AboutExperiment key={id} experiment={experiment.data} changed={experiment.reload} />}
      <FilterBox experiment={id} filter={look.filter} set={(filter) => change({ filter })} />
      <Loaded from={known}>{({ metrics, params, tags }) => <RunsOf id={id} look={look} change={change} columns={look.columns ?? firstColumns(metrics, params)} groupable={[...params, ...tags]} />}</Loaded>
    </>
  );
}

interface RunsOfProps {
  id: string;
  look: TableLook;
  change: (part: Partial<TableLook>) => void;
  columns: string[];
  groupable: string[];
}

function RunsOf({ id, look, change, columns, groupable }: RunsOfProps) {
  const shown = [kName, ...look.pins.filter((one) => one !== kName), ...columns.filter((one) => !look.pins.includes(one))];
  const query: TableQuery = {
    experiment: id,
    filter: look.filter,
    order: look.order && `${written(look.order.column)} ${look.order.isAscending ? "ASC" : "DESC"}`,
    columns: asked(shown),
    group: look.group ? { column: look.group, value: null } : undefined,
  };
  return <Runs query={query} look={look} change={change} shown={shown} groupable={groupable} />;
}

interface RunsProps {
  query: TableQuery;
  look: TableLook;
  change: (part: Partial<TableLook>) => void;
  shown: string[];
  groupable: string[];
}

const metricsOf = (shown: string[]) => shown.filter((column) => kindOf(column) === "metrics").map(keyOf);

// The groups of all runs that pass; null where none are asked for. The last ones stay while others come.
function useGroups({ experiment, filter, group }: TableQuery, shown: string[]): Live<RunGroups | null> {
  const metrics = metricsOf(shown);
  const by = group?.column;
  const found = useLive(
    (signal) => (by ? api.runGroups(experiment, by, filter, metrics, "", kGroupsShown, signal) : Promise.resolve(null)),
    by ? JSON.stringify([by, filter, metrics]) : "",
    by ? kGroupsAgainSeconds : Infinity,
  );
  const last = useRef<{ of: string; data: RunGroups | null }>();
  const of = `${by} ${filter}`;
  if (found.data !== undefined) last.current = { of, data: found.data };
  return { ...found, data: found.data ?? (last.current?.of === of ? last.current.data : undefined) };
}

function Runs({ query, look, change, shown, groupable }: RunsProps) {
  const [open, setOpen] = useState<string[]>([]);
  const [chosen, setChosen] = useState<{ id: string; name: string }[]>([]);
  const [isPicking, setPicking] = useState(false);
  const [seen, setSeen] = useState<string[]>([]);
  const grouped = useGroups(query, shown);
  const rows = useRunRows(query, look.group ? (grouped.data ?? undefined) : undefined, open);
  const { groups, look: lookAt } = rows;
  const compared = chosen.slice(0, kRunsCompared).map(({ id }) => id); // also those that newer runs have pushed off the screen
  const choose = (id: string, name: string, is: boolean) => setChosen((before) => [...before.filter((one) => one.id !== id), ...(is ? [{ id, name }] : [])]);
  const see = useCallback(
    (from: Line, to: Line, ids: string[]) => {
      lookAt(from, to);
      setSeen(ids);
    },
    [lookAt],
  );
  const charted = useSettled((compared.length > 0 ? compared : seen.slice(0, kRunsInCharts)).join(" "), kSettleMs).split(" ").filter(Boolean);
  const toggle = (at: number) => {
    const key = JSON.stringify(groups?.groups[at]?.value ?? null);
    setOpen((before) => (before.includes(key) ? before.filter((one) => one !== key) : [...before, key]));
  };
  const by = titleOf(look.group ?? "");
  const titles = groups?.groups.map((of) => ({ title: of.value === null ? `without ${by}` : `${by} = ${of.value}`, of, isOpen: open.includes(JSON.stringify(of.value)) }));
  const reload = () => {
    grouped.reload();
    rows.reload();
  };
  return (
    <>
      <Group gap="sm" align="center">
        {compared.length < 2 ? (
          <Button size="xs" disabled>
            Compare
          </Button>
        ) : (
          <Button size="xs" component={Link} to={`/compare?${new URLSearchParams(compared.map((one) => ["runs", one]))}`}>
            Compare {compared.length} runs
          </Button>
        )}
        <Bulk
          verb="Delete"
          noun="run"
          chosen={chosen}
          act={api.deleteRun}
          changed={(ids) => {
            setChosen((before) => before.filter(({ id }) => !ids.includes(id)));
            reload();
          }}
          words="They leave tables and searches, and can be restored below About the experiment until the server takes them away for good."
        />
        <Button size="xs" variant="default" onClick={() => setPicking(true)}>
          Columns
        </Button>
        <GroupBy by={look.group} choices={[...groupable, ...shown]} set={(group) => change({ group })} />
        <Checkbox size="xs" label="Charts" checked={look.hasCharts} onChange={(event) => change({ hasCharts: event.currentTarget.checked })} />
        <Text size="xs" c="dimmed" role="status">
          {rows.total !== undefined && plural(rows.total, "run")}
          {groups && ` in ${plural(groups.total, "group")}${groups.total > groups.groups.length ? `, of which the ${number(groups.groups.length)} largest are here` : ""}, counted over all`}
          {rows.total !== undefined && ". "}
          {!look.group && (rows.total ?? 0) > kRunsInFile && `The first ${number(kRunsInFile)} are in the CSV. `}
          {compared.length < 2 ? "Choose two or more to compare them." : compared.length === kRunsCompared && `${kRunsCompared} are compared at most.`}
        </Text>
        {look.group ? groups && <GroupNumbers query={query} groups={groups} metrics={metricsOf(shown)} by={by} /> : <RunNumbers query={query} shown={shown} />}
      </Group>
      <Loaded from={{ data: rows.total, error: grouped.error ?? rows.error, reload }}>
        {(total) =>
          total === 0 ? (
            <Empty title={look.filter ? "No run fits this filter." : "This experiment has no runs yet."}>{!look.filter && <Command>{`export MLFLOW_TRACKING_URI=${location.origin}`}</Command>}</Empty>
          ) : (
            <div className={look.hasCharts ? "beside" : undefined}>
              <RunGrid
                of={JSON.stringify([query.filter, query.order, query.group?.column])}
                columns={shown}
                pins={look.pins}
                order={look.order}
                groups={titles ?? null}
                stretches={rows.stretches}
                rowAt={rows.rowAt}
                chosen={chosen.map(({ id }) => id)}
                choose={choose}
                sort={(column) => change({ order: nextOrder(look.order, column) })}
                pin={(column) => change({ pins: look.pins.includes(column) ? look.pins.filter((one) => one !== column) : [...look.pins, column] })}
                open={toggle}
                look={see}
              />
              {look.hasCharts && <Beside ids={charted} isChosen={compared.length > 0} />}
            </div>
          )
        }
      </Loaded>
      {isPicking && <ColumnPicker experiment={query.experiment} columns={shown.filter((column) => column !== kName)} set={(columns) => change(columns ? { columns, pins: look.pins.filter((one) => columns.includes(one)) } : { columns, pins: [] })} close={() => setPicking(false)} />}
    </>
  );
}

function RunNumbers({ query, shown }: { query: TableQuery; shown: string[] }) {
  const rows = async () => (await api.runTables(query, kRunsInFile)).flatMap(rowsOf).map((row) => [row.id, ...shown.map((column) => valueOf(column, row))]);
  return <Numbers of="runs" names={["run_id", ...shown.map(titleOf)]} rows={rows} call={api.runTablePath(query, 0, kRunsInCall, null)} />;
}

function GroupNumbers({ query, groups, metrics, by }: { query: TableQuery; groups: RunGroups; metrics: string[]; by: string }) {
  const names = [by, "runs", ...metrics.flatMap((metric) => ["runs", "mean", "min", "max"].map((what) => `${metric} ${what}`))];
  const rows = () =>
    groups.groups.map((one) => [
      one.value,
      one.runs,
      ...metrics.flatMap((metric) => {
        const spread = one.metrics[metric];
        return spread ? [spread.runs, spread.mean, spread.min, spread.max] : [0, null, null, null];
      }),
    ]);
  return <Numbers of="groups" names={names} rows={rows} call={api.runGroupsPath(query.experiment, query.group?.column ?? "", query.filter, metrics, "", kGroupsShown)} />;
}

function GroupBy({ by, choices, set }: { by: string | null; choices: string[]; set: (by: string | null) => void }) {
  const all = [...new Set(["attributes.status", "attributes.user_id", ...choices, ...(by ? [by] : [])])].filter((column) => isGroupable(column) && column !== kName);
  const titled = (column: string) => `By ${titleOf(column)}${kindWord(column) && ` (${kindWord(column)})`}`;
  return <NativeSelect size="xs" aria-label="Group by" data={[{ value: "", label: "Not grouped" }, ...all.map((column) => ({ value: column, label: titled(column) }))]} value={by ?? ""} onChange={(event) => set(event.currentTarget.value || null)} />;
}
