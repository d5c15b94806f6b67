import { expect, test } from "vitest";
import { asked, boxHeight, findLine, firstColumns, lines, nextOrder, readLook, scrolled, seenColumns, writeLook, written } from "./run_table";

test("what a table shows is what its address says", () => {
  const address = "filter=metrics.auc+%3E+0.5&columns=metrics.auc%2Cparams.max+depth%2Ctags.a%2Fb&pin=metrics.auc&order=-metrics.auc&group=params.max+depth&charts=";
  const look = readLook(new URLSearchParams(address));
  expect(look).toEqual({ filter: "metrics.auc > 0.5", columns: ["metrics.auc", "params.max depth", "tags.a/b"], pins: ["metrics.auc"], order: { column: "metrics.auc", isAscending: false }, group: "params.max depth", hasCharts: true });
  expect(writeLook(look).toString()).toBe(address);
  expect(readLook(new URLSearchParams("columns="))).toEqual({ filter: "", columns: [], pins: [], order: null, group: null, hasCharts: false });
  expect(readLook(new URLSearchParams("columns=nonsense,metrics.,metrics.a,metrics.a&order=computed.duration&group=metrics.auc&pin=x"))).toEqual({ filter: "", columns: ["metrics.a"], pins: [], order: null, group: null, hasCharts: false });
});

test("keys stand in backticks where the filter language needs it", () => {
  expect(["metrics.auc", "params.max depth", "tags.mlflow.source.name", "metrics.a/b"].map(written)).toEqual(["metrics.auc", "params.`max depth`", "tags.`mlflow.source.name`", "metrics.`a/b`"]);
});

test("a title orders from the side that is looked for first, then from the other, then not", () => {
  const first = nextOrder(null, "metrics.auc");
  expect(first).toEqual({ column: "metrics.auc", isAscending: false });
  const second = nextOrder(first, "metrics.auc");
  expect(second).toEqual({ column: "metrics.auc", isAscending: true });
  expect(nextOrder(second, "metrics.auc")).toBeNull();
  expect(nextOrder(second, "params.depth")).toEqual({ column: "params.depth", isAscending: true });
  expect(nextOrder(null, "attributes.start_time")?.isAscending).toBe(false);
});

test("how long a run took is asked for by its ends", () => {
  expect(asked(["attributes.start_time", "computed.duration", "metrics.a"])).toEqual(["attributes.start_time", "attributes.end_time", "metrics.a"]);
});

test("at first there is what most runs have, the machine's own metrics aside", () => {
  expect(firstColumns(["metrics.system/cpu", "metrics.a"], ["params.b"]).slice(3)).toEqual(["metrics.a", "params.b"]);
});

test("a short table scrolls as it is", () => {
  expect(scrolled({ place: 0, top: 0 }, 120, 3300, 500)).toEqual({ place: 120, top: 120 });
  expect(scrolled({ place: 0, top: 0 }, 9000, 3300, 500).top).toBe(2800);
});

test("a table longer than a browser can scroll reaches every row", () => {
  const [rows, view] = [34_000_000, 600];
  const box = boxHeight(rows);
  expect(box).toBeLessThan(rows);
  const middle = scrolled({ place: 0, top: 0 }, (box - view) / 2, rows, view);
  expect(middle.top).toBeCloseTo((rows - view) / 2, 0);
  const step = scrolled(middle, middle.place + 100, rows, view);
  expect(step.top - middle.top).toBe(100); // a turn of the wheel skips nothing
  expect(scrolled(step, box - view, rows, view).top).toBe(rows - view);
  expect(scrolled({ place: 50, top: 900 }, 0, rows, view).top).toBe(0);
  expect(scrolled({ place: 5, top: 20_000_000 }, 4, rows, view).top).toBe(19_999_999);
});

test("columns that are seen", () => {
  expect(seenColumns([100, 100, 100, 100], 0, 250)).toEqual({ first: 0, end: 3, before: 0 });
  expect(seenColumns([100, 100, 100, 100], 150, 250)).toEqual({ first: 1, end: 3, before: 100 });
  expect(seenColumns([100, 100, 100, 100], 350, 900)).toEqual({ first: 3, end: 4, before: 300 });
  expect(seenColumns([], 0, 100)).toEqual({ first: 0, end: 0, before: 0 });
});

test("lines of groups", () => {
  const groups = [{ rows: 0, hasTitle: true }, { rows: 2, hasTitle: true }, { rows: 0, hasTitle: true }];
  expect(lines(groups)).toBe(5);
  expect([0, 1, 2, 3, 4, 5].map((index) => findLine(groups, index))).toEqual([{ stretch: 0, row: -1 }, { stretch: 1, row: -1 }, { stretch: 1, row: 0 }, { stretch: 1, row: 1 }, { stretch: 2, row: -1 }, undefined]);
  expect(findLine([{ rows: 10, hasTitle: false }], 7)).toEqual({ stretch: 0, row: 7 });
});
