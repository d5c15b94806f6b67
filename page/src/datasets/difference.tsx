import { Alert, Stack, Text, Title } from "@mantine/core";
import { useRef } from "react";
import { api, type ColumnDifference, type ColumnSummary, type TableCell, type TableDiff } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { type Column, PlainTable } from "../components/plain_table";
import { Fact, Facts } from "../components/words";
import { number, percent, plural } from "../lib/format";

// What is different between two versions. They never change: what was told once is not asked for again.
export function Difference({ name, from, to }: { name: string; from: number; to: number }) {
  const told = useRef(new Map<string, TableDiff>());
  const key = `${name}@${from}..${to}`;
  const load = async (signal: AbortSignal) => {
    const diff = told.current.get(key) ?? (await api.tableDiff(name, from, to, signal));
    told.current.set(key, diff);
    return diff;
  };
  return <Loaded from={useLive(load, key, 10)}>{(diff) => <Told diff={diff} call={api.tableDiffPath(name, from, to)} />}</Loaded>;
}

function Told({ diff, call }: { diff: TableDiff; call: string }) {
  const { rows } = diff;
  return (
    <Stack gap="md">
      {diff.notes.map((note) => (
        <Alert key={note} color="gray" variant="light">
          {note}
        </Alert>
      ))}
      <Facts>
        <Fact name={diff.key.length > 0 ? `Rows, by ${diff.key.join(", ")}` : "Rows, by all their cells"}>
          {number(rows.before)} → {number(rows.after)}
        </Fact>
        <Fact name="Added">{number(rows.added)}</Fact>
        <Fact name="Removed">{number(rows.removed)}</Fact>
        <Fact name="Changed">{number(rows.changed)}</Fact>
        <Fact name="Unchanged">{number(rows.unchanged)}</Fact>
        {rows.duplicate_keys > 0 && <Fact name="Keys more than once">{number(rows.duplicate_keys)}</Fact>}
      </Facts>
      {diff.same && <Empty title="The two versions are the same, but for the order of their rows." />}
      <Schema diff={diff} />
      <Columns columns={diff.columns} call={call} />
      <Examples diff={diff} call={call} />
    </Stack>
  );
}

function Schema({ diff }: { diff: TableDiff }) {
  const { added, removed, types } = diff.schema;
  if (added.length + removed.length + types.length === 0) return null;
  return (
    <Stack gap={2} aria-label="Changed columns" role="list">
      {added.map((each) => (
        <Text key={each.column} size="sm" role="listitem">
          <b>{each.column}</b> is new ({each.type})
        </Text>
      ))}
      {removed.map((each) => (
        <Text key={each.column} size="sm" role="listitem">
          <b>{each.column}</b> is gone ({each.type})
        </Text>
      ))}
      {types.map((each) => (
        <Text key={each.column} size="sm" role="listitem">
          <b>{each.column}</b> was {each.before} and is {each.after}
        </Text>
      ))}
    </Stack>
  );
}

function Columns({ columns, call }: { columns: ColumnDifference[]; call: string }) {
  return (
    <PlainTable
      name="Columns"
      minWidth={760}
      rows={columns}
      keyOf={({ column }) => column}
      file={{ of: "columns that differ", call }}
      columns={[
        { title: "Column", cell: ({ column }) => <b>{column}</b>, value: ["column", ({ column }) => column] },
        { title: "Cells changed", cell: (each) => number(each.changed_cells), kind: "figures", value: ["changed_cells", (each) => each.changed_cells] },
        both("Missing", "missing_share", (side) => percent(side.missing_share)),
        both("About distinct", "distinct", (side) => number(side.distinct)),
        both("Min", "min", (side) => number(side.min)),
        both("Mean", "mean", (side) => number(side.mean)),
        both("Max", "max", (side) => number(side.max)),
        { title: "Drift, 0 to 1", cell: ({ drift }) => number(drift?.value), kind: "figures", hint: ({ drift }) => drift?.measure.replace("_", " "), value: ["drift", ({ drift }) => drift?.value] },
      ]}
    />
  );
}

// "before → after", or once when they are the same; sorted by what is after.
function both(title: string, name: keyof ColumnSummary, tell: (side: ColumnSummary) => string): Column<ColumnDifference> {
  const cell = ({ before, after }: ColumnDifference) => {
    const [one, other] = [before, after].map((side) => (side ? tell(side) : "–"));
    return one === other ? one : `${one} → ${other}`;
  };
  return { title, cell, kind: "figures", value: [`${name}_after`, ({ after }) => after?.[name]], also: [[`${name}_before`, ({ before }) => before?.[name]]] };
}

// Texts in quotes: a missing value and an empty text are not alike.
function shown(cell: TableCell | undefined): string {
  return cell === undefined ? "–" : JSON.stringify(cell);
}

function Examples({ diff, call }: { diff: TableDiff; call: string }) {
  const { changed, added, removed, duplicate_keys } = diff.examples;
  return (
    <>
      {changed.length > 0 && (
        <section aria-label="Changed rows">
          <Title order={3} size="h5">
            Changed, {plural(changed.length, "example")}
          </Title>
          <PlainTable
            name="Changed"
            minWidth={480}
            rows={changed.flatMap(({ key, cells }) => cells.map((cell) => ({ ...cell, key })))}
            keyOf={(_, at) => at}
            file={{ of: "changed rows", call }}
            columns={[
              ...diff.key.map((name): Column<{ key: Record<string, TableCell> }> => ({ title: name, cell: ({ key }) => shown(key[name]), value: [name, ({ key }) => key[name]] })),
              { title: "Column", cell: ({ column }) => column, value: ["column", ({ column }) => column] },
              { title: "Before", cell: ({ before }) => shown(before), value: ["before", ({ before }) => before] },
              { title: "After", cell: ({ after }) => shown(after), value: ["after", ({ after }) => after] },
            ]}
          />
        </section>
      )}
      <Rows name="Added" rows={added} call={call} />
      <Rows name="Removed" rows={removed} call={call} />
      <Rows name="Keys more than once" rows={duplicate_keys} call={call} />
    </>
  );
}

function Rows({ name, rows, call }: { name: string; rows: Record<string, TableCell>[]; call: string }) {
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length === 0) return null;
  return (
    <section aria-label={`${name}, rows`}>
      <Title order={3} size="h5">
        {name}, {plural(rows.length, "example")}
      </Title>
      <PlainTable
        name={name}
        minWidth={480}
        rows={rows}
        keyOf={(_, at) => at}
        file={{ of: `${name.toLowerCase()} rows`, call }}
        columns={columns.map((column): Column<Record<string, TableCell>> => ({ title: column, cell: (row) => shown(row[column]), value: [column, (row) => row[column]] }))}
      />
    </section>
  );
}
