// Rows in the order of a value: numbers by size, texts as people do; what has none comes last either way.
export function sorted<T>(rows: T[], of: (row: T) => unknown, isDown: boolean): T[] {
  const isNone = (value: unknown) => value === null || value === undefined || value === "" || Number.isNaN(value);
  const compare = (a: unknown, b: unknown) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  return rows
    .map((row): [T, unknown] => [row, of(row)])
    .sort(([, a], [, b]) => {
      if (isNone(a) || isNone(b)) return Number(isNone(a)) - Number(isNone(b));
      return isDown ? compare(b, a) : compare(a, b);
    })
    .map(([row]) => row);
}
