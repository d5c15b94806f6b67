import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Numbers } from "./numbers";

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  kind?: "figures" | "break" | "nowrap";
  isRight?: boolean; // aligned so
  hint?: (row: T) => string;
  value?: [name: string, of: (row: T) => unknown]; // as the CSV has it
}

export interface PlainTableProps<T> {
  name: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T, index: number) => string | number;
  isCurrent?: (row: T) => boolean;
  none?: string; // said where there are no rows
  minWidth?: number;
  file?: { of: string; call?: string }; // of the columns that have a value; the call of the API that gave them
}

// A table that is shown as a whole: a line for each row.
export function PlainTable<T>({ name, columns, rows, keyOf, isCurrent, none, minWidth = 640, file }: PlainTableProps<T>) {
  if (none && rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {none}
      </Text>
    );
  }
  const values = columns.flatMap(({ value }) => (value ? [value] : []));
  return (
    <>
      <Table.ScrollContainer minWidth={minWidth}>
        <Table verticalSpacing="xs" aria-label={name}>
          <Table.Thead>
            <Table.Tr>
              {columns.map(({ title, isRight }) => (
                <Table.Th key={title} {...(isRight && { ta: "right" })}>
                  {title}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row, index) => (
              <Table.Tr key={keyOf(row, index)} data-current={isCurrent?.(row) || undefined}>
                {columns.map(({ title, cell, kind, isRight, hint }) => (
                  <Table.Td key={title} className={kind ?? ""} {...(isRight && { ta: "right" })} {...(hint ? { title: hint(row) } : {})}>
                    {cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {file && <Numbers {...file} names={values.map(([title]) => title)} rows={() => rows.map((row) => values.map(([, of]) => of(row)))} />}
    </>
  );
}
