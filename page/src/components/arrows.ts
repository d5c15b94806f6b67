import type { KeyboardEvent } from "react";

const kWays: Record<string, [number, number]> = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// The arrows go from cell to cell, by `data-row` and `data-column` of what takes the keyboard, which may have more than one column:
// "0 1". The tab key goes past all of them but the one with `tabIndex` 0.
export function move(event: KeyboardEvent<HTMLElement>) {
  const by = kWays[event.key];
  const from = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
  if (!by || !from) return;
  const [row, column] = [Number(from.dataset["row"]) + by[0], Number.parseInt(from.dataset["column"] ?? "0") + by[1]];
  event.currentTarget.querySelector<HTMLElement>(`[data-row="${row}"][data-column~="${column}"]`)?.focus();
  event.preventDefault();
}
