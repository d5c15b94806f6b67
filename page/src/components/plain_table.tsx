import { Table, Text, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";
import { nextOrder, readOrder, withOrder } from "../lib/order_address";
import { sorted } from "../lib/sorted";
import { type Call, Numbers } from "./numbers";
import { SideScroll } from "./side_scroll";
import "./plain_table.css";

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  kind?: "figures" | "break" | "nowrap";
  isRight?: boolean; // aligned so
  maxWidth?: number;
  isOnlyInFile?: boolean; // the table has no room for it
  hint?: (row: T) => string | undefined;
  value?: [name: string, of: (row: T) => unknown]; // as the CSV has it, and what the column is sorted by
  also?: [name: string, of: (row: T) => unknown][]; // what else of the cell the CSV has
  sortBy?: (row: T) => unknown; // another order than the value's own
}

export interface PlainTableProps<T> {
  name: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T, index: number) => string | number;
  isCurrent?: (row: T) => boolean;
  none?: string; // said where there are no rows
  minWidth?: number;
  maxHeight?: number;
  file?: { of: string; call?: Call }; // of the columns that have a value; the call of the API that gave them
}

// A table that is shown as a whole: a line for each row, in the order of a column that the reader chooses and the address keeps.
export function PlainTable<T>({ name, columns, rows, keyOf, isCurrent, none, minWidth = 640, maxHeight, file }: PlainTableProps<T>) {
  const [query, setQuery] = useSearchParams();
  const order = readOrder(query, name);
  if (none && rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {none}
      </Text>
    );
  }
  const values = columns.flatMap(({ value, also = [] }) => (value ? [value, ...also] : also));
  const drawn = columns.filter(({ isOnlyInFile }) => !isOnlyInFile);
  const ordered = drawn.find(({ value }) => value && value[0] === order?.column);
  const by = ordered?.sortBy ?? ordered?.value?.[1];
  const shown = order && ordered && by ? sorted(rows, by, order.isDown) : rows;
  return (
    <div>
      <SideScroll name={name} minWidth={minWidth} maxHeight={maxHeight}>
        <Table verticalSpacing="xs" aria-label={name} className="plain-table">
          <Table.Thead>
            <Table.Tr>
              {drawn.map(({ title, isRight, value }, at) => {
                const way = order && value?.[0] === order.column ? (order.isDown ? "descending" : "ascending") : "none";
                return (
                  <Table.Th key={at} {...(isRight && { ta: "right" })} {...(value && { "aria-sort": way })}>
                    {value ? (
                      <UnstyledButton className="plain-sort" onClick={() => setQuery((before) => withOrder(before, name, nextOrder(value[0], order)), { replace: true })}>
                        {title}
                        {way !== "none" && <span aria-hidden>{way === "ascending" ? "↑" : "↓"}</span>}
                      </UnstyledButton>
                    ) : (
                      title
                    )}
                  </Table.Th>
                );
              })}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((row, index) => (
              <Table.Tr key={keyOf(row, index)} data-current={isCurrent?.(row) || undefined}>
                {drawn.map(({ cell, kind, isRight, maxWidth, hint }, at) => (
                  <Table.Td key={at} className={kind ?? ""} {...(isRight && { ta: "right" })} {...(maxWidth && { maw: maxWidth })} title={hint?.(row)}>
                    {cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </SideScroll>
      {file && <Numbers {...file} names={values.map(([title]) => title)} rows={() => shown.map((row) => values.map(([, of]) => of(row)))} />}
    </div>
  );
}
