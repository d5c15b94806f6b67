// The rows of a long table, fetched in pages where they are looked at.
import type { RunTable, TableValue } from "../api";

export const kRowsOfPage = 100;
const kPagesKept = 60;
const kTopRows = 1000; // so far rows follow what is logged; below them the order is kept while somebody scrolls
const kSettleMs = 60; // that a place is looked at before its rows are asked for

export interface Row {
  id: string;
  values: Map<string, TableValue>;
}

type Ask = (offset: number, limit: number, view: number | null, signal: AbortSignal) => Promise<RunTable>;

function rowsOf({ run_ids, columns }: RunTable): Row[] {
  return run_ids.map((id, at) => ({ id, values: new Map(columns.map(({ name, values }) => [name, values[at] ?? null])) }));
}

export class Rows {
  total: number | undefined;
  error: Error | undefined;
  private view: number | null = null;
  private pages = new Map<number, { rows: Row[]; view: number | null }>(); // last used last
  private asking = new Map<number, AbortController>();
  private looked = { first: 0, end: 1 }; // pages that are seen
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: Ask,
    private readonly changed: () => void,
  ) {}

  row(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / kRowsOfPage))?.rows[index % kRowsOfPage];
  }

  // All rows that are here, in order.
  get here(): Row[] {
    return [...this.pages].sort(([a], [b]) => a - b).flatMap(([, { rows }]) => rows);
  }

  // Somebody looks at these rows: fetches what of them isn't here, when he stays.
  want(from: number, to: number) {
    this.looked = { first: Math.floor(from / kRowsOfPage), end: Math.floor(Math.max(from, to - 1) / kRowsOfPage) + 1 };
    const isMissing = this.wanted().some((page) => !this.pages.has(page) && !this.asking.has(page));
    if (!isMissing) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.fetchWanted(false), this.total === undefined ? 0 : kSettleMs);
  }

  // Fetches again what is looked at; what fails stays as it was.
  refresh() {
    this.fetchWanted(true);
  }

  stop() {
    clearTimeout(this.settling);
    for (const one of this.asking.values()) one.abort();
    this.asking.clear();
  }

  private wanted(): number[] {
    const last = this.total === undefined ? this.looked.first + 1 : Math.max(1, Math.ceil(this.total / kRowsOfPage));
    const end = Math.min(this.looked.end, last);
    const first = Math.min(this.looked.first, end - 1);
    return Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);
  }

  private fetchWanted(isAgain: boolean) {
    const wanted = this.wanted();
    for (const [page, one] of this.asking) {
      if (wanted.includes(page)) continue;
      one.abort();
      this.asking.delete(page);
    }
    for (const page of wanted) {
      if (!this.asking.has(page) && (isAgain || !this.pages.has(page))) void this.fetchPage(page);
    }
  }

  private async fetchPage(page: number) {
    const stop = new AbortController();
    this.asking.set(page, stop);
    const isTop = (page + 1) * kRowsOfPage <= kTopRows;
    try {
      const found = await this.ask(page * kRowsOfPage, kRowsOfPage, isTop ? null : this.view, stop.signal);
      if (stop.signal.aborted) return;
      this.put(page, found, isTop);
    } catch (problem) {
      if (stop.signal.aborted) return;
      this.asking.delete(page);
      this.error = problem instanceof Error ? problem : new Error(String(problem));
      this.changed();
    }
  }

  private put(page: number, found: RunTable, isTop: boolean) {
    this.asking.delete(page);
    this.error = undefined;
    if (!isTop && found.view !== this.view) {
      this.view = found.view; // another order: what was fetched by the last one is no part of it
      for (const [one] of [...this.pages]) if ((one + 1) * kRowsOfPage > kTopRows) this.pages.delete(one);
    }
    if (isTop && this.total !== undefined && found.total !== this.total) {
      this.view = null;
      for (const [one] of [...this.pages]) if (!this.wanted().includes(one)) this.pages.delete(one);
    }
    this.total = found.total;
    this.pages.delete(page);
    this.pages.set(page, { rows: rowsOf(found), view: found.view });
    for (const [one] of [...this.pages].slice(0, Math.max(0, this.pages.size - kPagesKept))) this.pages.delete(one);
    this.changed();
    this.want(this.looked.first * kRowsOfPage, this.looked.end * kRowsOfPage); // the first answer says how many there are
  }
}
