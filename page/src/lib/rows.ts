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

export function rowsOf({ run_ids, columns }: RunTable): Row[] {
  return run_ids.map((id, at) => ({ id, values: new Map(columns.map(({ name, values }) => [name, values[at] ?? null])) }));
}

const isDeep = (page: number) => (page + 1) * kRowsOfPage > kTopRows;

export class Rows {
  total: number | undefined;
  error: Error | undefined;
  private kept: { view: number | null } = { view: null }; // the order that deep rows are of; another one when it was forgotten
  private pages = new Map<number, Row[]>(); // last used last
  private asking = new Map<number, AbortController>();
  private looked = { first: 0, end: 1 }; // pages that are seen
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: Ask,
    private readonly changed: () => void,
  ) {}

  row(index: number): Row | undefined {
    return this.pages.get(Math.floor(index / kRowsOfPage))?.[index % kRowsOfPage];
  }

  // Somebody looks at these rows: fetches what of them isn't here, when he stays.
  want(from: number, to: number) {
    this.looked = { first: Math.floor(from / kRowsOfPage), end: Math.floor(Math.max(from, to - 1) / kRowsOfPage) + 1 };
    if (!this.wanted().some(isDeep)) {
      this.kept = { view: null }; // who comes back sees what is there by then
      this.drop(isDeep);
    }
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

  private drop(isOld: (page: number) => boolean) {
    for (const page of [...this.pages.keys()].filter(isOld)) this.pages.delete(page);
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
    const { kept } = this;
    try {
      const found = await this.ask(page * kRowsOfPage, kRowsOfPage, isDeep(page) ? kept.view : null, stop.signal);
      if (stop.signal.aborted) return;
      if (isDeep(page) && kept !== this.kept) {
        this.asking.delete(page); // of an order that was forgotten meanwhile
        if (this.wanted().includes(page)) void this.fetchPage(page);
      } else {
        this.put(page, found);
      }
    } catch (problem) {
      if (stop.signal.aborted) return;
      this.asking.delete(page);
      this.error = problem instanceof Error ? problem : new Error(String(problem));
      this.changed();
    }
  }

  private put(page: number, found: RunTable) {
    this.asking.delete(page);
    this.error = undefined;
    if (isDeep(page) && found.view !== this.kept.view) {
      this.kept.view = found.view; // what was fetched by the last one is no part of it
      this.drop(isDeep);
    }
    const wanted = this.wanted();
    if (!isDeep(page) && this.total !== undefined && found.total !== this.total) {
      this.kept = { view: null };
      this.drop((one) => !wanted.includes(one));
    }
    // A kept order has the rows that there were when it was made.
    if (!isDeep(page) || wanted.every(isDeep)) this.total = found.total;
    this.pages.delete(page);
    this.pages.set(page, rowsOf(found));
    for (const [one] of [...this.pages].slice(0, Math.max(0, this.pages.size - kPagesKept))) this.pages.delete(one);
    this.changed();
    this.want(this.looked.first * kRowsOfPage, this.looked.end * kRowsOfPage); // the first answer says how many there are
  }
}
