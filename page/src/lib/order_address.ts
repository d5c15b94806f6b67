// In the address, in which order tables are: `sort=TABLE:COLUMN`, or `sort=TABLE:-COLUMN` from the largest down. Pure functions.

export interface Order {
  column: string; // as its file has it
  isDown: boolean;
}

const kKey = "sort";

export function readOrder(query: URLSearchParams, table: string): Order | undefined {
  const column = query
    .getAll(kKey)
    .find((one) => one.startsWith(`${table}:`))
    ?.slice(table.length + 1);
  if (!column) return undefined;
  return column.startsWith("-") ? { column: column.slice(1), isDown: true } : { column, isDown: false };
}

// The same with another order of this table; undefined: as the rows come.
export function withOrder(query: URLSearchParams, table: string, order: Order | undefined): URLSearchParams {
  const next = new URLSearchParams(query);
  next.delete(kKey);
  for (const other of query.getAll(kKey)) if (!other.startsWith(`${table}:`)) next.append(kKey, other);
  if (order) next.append(kKey, `${table}:${order.isDown ? "-" : ""}${order.column}`);
  return next;
}

// Up, down, as the rows came.
export const nextOrder = (column: string, now: Order | undefined): Order | undefined => (now?.column !== column ? { column, isDown: false } : now.isDown ? undefined : { column, isDown: true });
