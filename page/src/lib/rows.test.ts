import { expect, test, vi } from "vitest";
import type { RunTable } from "../api";
import { Rows } from "./rows";

function server(total: number) {
  const calls: { offset: number; view: number | null }[] = [];
  const state = { total, keptTotal: total, view: 7, fails: false, hold: undefined as Promise<void> | undefined };
  const ask = async (offset: number, limit: number, view: number | null): Promise<RunTable> => {
    calls.push({ offset, view });
    const given = view ?? state.view;
    const isDeep = offset + limit > 1000;
    if (isDeep) await state.hold;
    if (state.fails) throw new Error("no server");
    const all = isDeep ? state.keptTotal : state.total;
    const count = Math.max(0, Math.min(limit, all - offset));
    const ids = Array.from({ length: count }, (_, at) => `run ${offset + at}`);
    return { total: all, offset, view: isDeep ? given : null, run_ids: ids, columns: [{ name: "metrics.a", values: ids.map((_, at) => offset + at) }] };
  };
  return { calls, state, ask };
}

const settled = () => vi.advanceTimersByTimeAsync(200);

test("only what is looked at is fetched, deep rows by one kept order", async () => {
  vi.useFakeTimers();
  const { ask, calls, state } = server(1_000_000);
  const rows = new Rows(ask, () => {});
  rows.want(0, 40);
  await settled();
  expect(calls).toEqual([{ offset: 0, view: null }]);
  expect([rows.total, rows.row(3)?.id, rows.row(3)?.values.get("metrics.a"), rows.row(100)]).toEqual([1_000_000, "run 3", 3, undefined]);
  for (let at = 100_000; at < 500_000; at += 1000) rows.want(at, at + 40); // the scroll bar is dragged
  rows.want(500_080, 500_120);
  await settled();
  expect(calls.slice(1).map(({ offset }) => offset)).toEqual([500_000, 500_100]);
  expect(rows.row(500_119)?.id).toBe("run 500119");
  rows.want(600_000, 600_010);
  await settled();
  expect(calls.at(-1)).toEqual({ offset: 600_000, view: 7 });
  state.view = 8;
  rows.want(0, 40);
  await settled();
  rows.want(600_000, 600_010); // what came meanwhile is in a new order
  expect(rows.row(600_000)).toBeUndefined();
  await settled();
  rows.want(600_100, 600_110);
  await settled();
  expect(calls.slice(-2)).toEqual([{ offset: 600_000, view: null }, { offset: 600_100, view: 8 }]);
  vi.useRealTimers();
});

test("an answer by an order that was forgotten meanwhile doesn't bring it back", async () => {
  vi.useFakeTimers();
  const { ask, calls, state } = server(100_000);
  const rows = new Rows(ask, () => {});
  rows.want(0, 40);
  await settled();
  rows.want(50_000, 50_010);
  await settled();
  let answer = () => {};
  state.hold = new Promise((done) => (answer = done));
  rows.refresh();
  await settled();
  rows.want(0, 40);
  await settled();
  answer();
  await settled();
  state.view = 8;
  rows.want(50_000, 50_010);
  await settled();
  expect(calls.at(-1)).toEqual({ offset: 50_000, view: null });
  vi.useRealTimers();
});

test("where the followed rows end and the kept order begins, the followed ones say how many there are", async () => {
  vi.useFakeTimers();
  const { ask, calls, state } = server(5000);
  const rows = new Rows(ask, () => {});
  rows.want(0, 40);
  await settled();
  rows.want(980, 1020);
  await settled();
  state.total = 5003; // the kept order has 5000
  const before = calls.length;
  rows.refresh();
  await settled();
  rows.refresh();
  await settled();
  expect([rows.total, rows.row(1019)?.id]).toEqual([5003, "run 1019"]);
  expect(calls.slice(before).filter(({ offset }) => offset === 1000).map(({ view }) => view)).toEqual([7, null, 7]); // forgotten once, not each time
  rows.want(3000, 3010);
  await settled();
  expect(rows.total).toBe(5000);
  vi.useRealTimers();
});

test("a table that grows or shrinks, and one that can't be asked", async () => {
  vi.useFakeTimers();
  const { ask, state } = server(0);
  const rows = new Rows(ask, () => {});
  rows.want(0, 40);
  await settled();
  expect([rows.total, rows.row(0)]).toEqual([0, undefined]);
  state.total = 3;
  rows.refresh();
  await settled();
  expect([rows.total, rows.row(2)?.id]).toEqual([3, "run 2"]);
  state.fails = true;
  rows.refresh();
  await settled();
  expect([rows.error?.message, rows.row(2)?.id]).toEqual(["no server", "run 2"]);
  state.fails = false;
  state.total = 1;
  rows.refresh();
  await settled();
  expect([rows.error, rows.total, rows.row(1)]).toEqual([undefined, 1, undefined]);
  vi.useRealTimers();
});
