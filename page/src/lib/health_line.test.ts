import { describe, expect, it } from "vitest";
import type { Verdicts } from "../api";
import { columnsOf, headings, overall, shownColumns } from "./health_line";
import type { Mark } from "./series";

const window = (start: string, end: string, judged = true) => ({ start, end, judged, rows: 5, labels: 5, model_version: 1, inputs: 0, inputs_drifted: 0 });
const mark = (time: string): Mark => ({ x: Date.parse(time) / 1000, kind: "alert", text: time });

describe("what alerts say together", () => {
  it.each([
    [["fine", "fires"], true, "fires"],
    [["not_judged", "fine"], true, "fine"],
    [["not_judged", "not_judged"], true, "not_judged"],
    [[null, "fires"], false, "fires"],
    [[null, null], false, "waits"],
    [[], true, "not_judged"],
    [[], false, "waits"],
  ] as const)("%j, judged %s: %s", (said, judged, word) => expect(overall([...said], judged)).toBe(word));
});

describe("columns", () => {
  const verdicts: Verdicts = {
    monitor: "m",
    endpoint: "e",
    window: "day",
    windows: [window("2024-02-01T00:00:00Z", "2024-02-02T00:00:00Z"), window("2024-02-02T00:00:00Z", "2024-02-03T00:00:00Z", false)],
    alerts: [{ alert: "a", watches: "auc", threshold: 1, severity: "warning", verdicts: ["fires", null], values: [2, null] }],
  };

  it("have the window's word and what happened in it", () => {
    const marks = ["2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z", "2024-02-02T00:00:00Z", "2024-02-09T00:00:00Z"].map(mark);
    expect(columnsOf(verdicts, marks).map((one) => [one.overall, one.happened.map(({ text }) => text)])).toEqual([
      ["fires", ["2024-02-01T00:00:00Z"]],
      ["waits", ["2024-02-02T00:00:00Z", "2024-02-09T00:00:00Z"]],
    ]);
  });

  it("are the newest, or those around the chosen one", () => {
    expect(shownColumns(10, -1, 60)).toEqual([0, 10]);
    expect(shownColumns(100, -1, 60)).toEqual([40, 100]);
    expect(shownColumns(100, 99, 60)).toEqual([40, 100]);
    expect(shownColumns(100, 40, 60)).toEqual([11, 71]);
    expect(shownColumns(100, 0, 60)).toEqual([0, 60]);
    expect(shownColumns(0, -1, 60)).toEqual([0, 0]);
  });

  it("name a month once, in the monitor's zone", () => {
    const starts = ["2024-01-30T23:00:00Z", "2024-01-31T23:00:00Z", "2024-02-01T23:00:00Z"];
    expect(headings(starts, "day", "Europe/Berlin")).toEqual([
      { above: "Jan", below: "31" },
      { above: "Feb", below: "1" },
      { above: "", below: "2" },
    ]);
    expect(headings(["2024-03-30T22:00:00Z", "2024-03-30T23:00:00Z"], "hour", "Europe/Berlin")).toEqual([
      { above: "30 Mar", below: "23" },
      { above: "31 Mar", below: "00" },
    ]);
    expect(headings(["2023-12-01T00:00:00Z", "2024-01-01T00:00:00Z"], "month", "UTC")).toEqual([
      { above: "2023", below: "Dec" },
      { above: "2024", below: "Jan" },
    ]);
  });
});
