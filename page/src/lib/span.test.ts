import { expect, test } from "vitest";
import { closedSpan, isChosen, isIn, reaching, readSpan, spanOf, stepName, timeOf, typedOf } from "./span";

const kNow = Date.parse("2024-03-01T12:00:00Z");
const span = (query: string) => spanOf(readSpan(new URLSearchParams(query)), kNow);

test("the address says which time is shown", () => {
  expect(span("last=day")).toEqual({ from: "2024-02-29T12:00:00Z" });
  expect(span("last=hour&from=2024-01-01")).toEqual({ from: "2024-03-01T11:00:00Z" }); // one of both
  expect(span("from=2024-01-01&until=2024-02-01T00:00:00Z")).toEqual({ from: "2024-01-01", until: "2024-02-01T00:00:00Z" });
  expect(span("until=2024-02-01")).toEqual({ until: "2024-02-01" });
  expect(span("last=century")).toEqual({});
  expect(span("last=constructor")).toEqual({});
  expect(isChosen(readSpan(new URLSearchParams("window=day")))).toBe(false);
  expect(isChosen(readSpan(new URLSearchParams("until=2024-02-01")))).toBe(true);
});

test("an open span is closed by now, and by what is kept", () => {
  expect(closedSpan({ last: "week", from: "", until: "" }, kNow)).toEqual({ from: "2024-02-23T12:00:00Z", until: "2024-03-01T12:00:00Z" });
  expect(closedSpan({ last: "", from: "", until: "2024-01-01T00:00:00Z" }, kNow)).toEqual({ from: "2014-01-04T00:00:00Z", until: "2024-01-01T00:00:00Z" });
});

test("its beginning is in it and its end is not", () => {
  const of = { from: "2024-01-01T00:00:00Z", until: "2024-01-02T00:00:00Z" };
  expect(["2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z", "2024-01-02T00:00:00Z"].map((time) => isIn(of, time))).toEqual([false, true, true, false]);
  expect(isIn({}, "2024-01-01T00:00:00Z")).toBe(true);
});

test("what reaches into it begins earlier, but doesn't end where it begins", () => {
  expect(reaching({ from: "2024-01-02T00:00:00Z" }, 86_400)).toEqual({ from: "2024-01-01T00:00:00.001Z" });
  expect(reaching({ until: "2024-01-02T00:00:00Z" }, 86_400)).toEqual({ until: "2024-01-02T00:00:00Z" });
  expect(reaching({ from: "yesterday" }, 86_400)).toEqual({ from: "yesterday" }); // the server says what is wrong with it
});

test("what is typed has no zone, and is UTC's", () => {
  expect(typedOf("2024-01-01T10:30:00Z")).toBe("2024-01-01T10:30");
  expect(typedOf("2024-01-01T11:30:00+01:00")).toBe("2024-01-01T10:30");
  expect(typedOf("2024-01-01T10:30:05.250Z")).toBe("2024-01-01T10:30:05.250");
  expect(typedOf("yesterday")).toBe("");
  expect(timeOf("2024-01-01T10:30")).toBe("2024-01-01T10:30:00Z");
  expect(timeOf("2024-01-01T10:30:05.250")).toBe("2024-01-01T10:30:05.250Z");
  expect(timeOf("")).toBe("");
});

test("steps are named as people divide time", () => {
  expect([60, 900, 3600, 21_600, 86_400, 604_800, 90].map(stepName)).toEqual(["minute", "15 minutes", "hour", "6 hours", "day", "7 days", "90 seconds"]);
});
