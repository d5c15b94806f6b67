import { Alert, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useRef } from "react";
import { api, type ColumnDifference, type ColumnSummary, type TableCell, type TableDiff } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Fact } from "../components/words";
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
  return <Loaded from={useLive(load, key, 10)}>{(diff) => <Told diff={diff} />}</Loaded>;
}

function Told({ diff }: { diff: TableDiff }) {
  const { rows } = diff;
  return (
    <Stack gap="md">
      {diff.notes.map((note) => (
        <Alert key={note} color="gray" variant="light">
          {note}
        </Alert>
      ))}
      <Group gap="xl">
        <Fact name={diff.key.length > 0 ? `Rows, by ${diff.key.join(", ")}` : "Rows, by all their cells"}>
          {number(rows.before)} → {number(rows.after)}
        </Fact>
        <Fact name="Added">{number(rows.added)}</Fact>
        <Fact name="Removed">{number(rows.removed)}</Fact>
        <Fact name="Changed">{number(rows.changed)}</Fact>
        <Fact name="Unchanged">{number(rows.unchanged)}</Fact>
        {rows.duplicate_keys > 0 && <Fact name="Keys more than once">{number(rows.duplicate_keys)}</Fact>}
      </Group>
      {diff.same && <Empty title="The two versions are the same, but for the order of their rows." />}
      <Schema diff={diff} />
      <Columns columns={diff.columns} />
      <Examples diff={diff} />
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

function Columns({ columns }: { columns: ColumnDifference[] }) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table verticalSpacing={4} aria-label="Columns">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Column</Table.Th>
            <Table.Th>Cells changed</Table.Th>
            <Table.Th>Missing</Table.Th>
            <Table.Th>About distinct</Table.Th>
            <Table.Th>Least</Table.Th>
            <Table.Th>Mean</Table.Th>
            <Table.Th>Greatest</Table.Th>
            <Table.Th>Drift, 0 to 1</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {columns.map((each) => (
            <Table.Tr key={each.column}>
              <Table.Td>
                <b>{each.column}</b>
              </Table.Td>
              <Table.Td className="figures">{number(each.changed_cells)}</Table.Td>
              <Both of={each} tell={(side) => percent(side.missing_share)} />
              <Both of={each} tell={(side) => number(side.distinct)} />
              <Both of={each} tell={(side) => number(side.min)} />
              <Both of={each} tell={(side) => number(side.mean)} />
              <Both of={each} tell={(side) => number(side.max)} />
              <Table.Td className="figures" title={each.drift?.measure.replace("_", " ")}>
                {number(each.drift?.value)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

// "before → after", or once when they are the same.
function Both({ of, tell }: { of: ColumnDifference; tell: (side: ColumnSummary) => string }) {
  const [before, after] = [of.before, of.after].map((side) => (side ? tell(side) : "–"));
  return <Table.Td className="figures">{before === after ? before : `${before} → ${after}`}</Table.Td>;
}

// Texts in quotes: a missing value and an empty text are not alike.
function shown(cell: TableCell | undefined): string {
  return cell === undefined ? "–" : JSON.stringify(cell);
}

function Examples({ diff }: { diff: TableDiff }) {
  const { changed, added, removed, duplicate_keys } = diff.examples;
  return (
    <>
      {changed.length > 0 && (
        <section aria-label="Changed rows">
          <Title order={3} size="h5">
            Changed, {plural(changed.length, "example")}
          </Title>
          <Table.ScrollContainer minWidth={480}>
            <Table verticalSpacing={4} aria-label="Changed">
              <Table.Thead>
                <Table.Tr>
                  {diff.key.map((column) => (
                    <Table.Th key={column}>{column}</Table.Th>
                  ))}
                  <Table.Th>Column</Table.Th>
                  <Table.Th>Before</Table.Th>
                  <Table.Th>After</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {changed.flatMap((row, at) =>
                  row.cells.map((cell) => (
                    <Table.Tr key={`${at} ${cell.column}`}>
                      {diff.key.map((column) => (
                        <Table.Td key={column}>{shown(row.key[column])}</Table.Td>
                      ))}
                      <Table.Td>{cell.column}</Table.Td>
                      <Table.Td>{shown(cell.before)}</Table.Td>
                      <Table.Td>{shown(cell.after)}</Table.Td>
                    </Table.Tr>
                  )),
                )}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </section>
      )}
      <Rows name="Added" rows={added} />
      <Rows name="Removed" rows={removed} />
      <Rows name="Keys more than once" rows={duplicate_keys} />
    </>
  );
}

function Rows({ name, rows }: { name: string; rows: Record<string, TableCell>[] }) {
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length === 0) return null;
  return (
    <section aria-label={`${name}, rows`}>
      <Title order={3} size="h5">
        {name}, {plural(rows.length, "example")}
      </Title>
      <Table.ScrollContainer minWidth={480}>
        <Table verticalSpacing={4} aria-label={name}>
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Table.Th key={column}>{column}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row, at) => (
              <Table.Tr key={at}>
                {columns.map((column) => (
                  <Table.Td key={column}>{shown(row[column])}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
