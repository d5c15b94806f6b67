import { expect, test } from "vitest";
import { ago, bytes, duration, featureName, featureParts, moment, number, parameter, percent, readable, time } from "./format";

test.each([
  [null, "–"],
  [undefined, "–"],
  ["NaN", "NaN"],
  [NaN, "NaN"],
  [-Infinity, "-∞"],
  [0, "0"],
  [198861, "198,861"],
  [0.45321, "0.4532"],
  [-0.0032804, "-0.00328"],
  [0.00001234, "1.23e-5"],
  [12345678.9, "1.23e+7"],
])("the number %s reads %s", (value, text) => expect(number(value)).toBe(text));

test.each([
  ["0.13606759131", "0.1361"],
  ["-2.9179060031e-05", "-2.92e-5"],
  ["1.250", "1.250"],
  ["007", "007"],
  ["1.26.0", "1.26.0"],
  ["1234567890", "1234567890"],
  ["relu", "relu"],
])("the parameter %s reads %s", (written, text) => expect(parameter(written)).toBe(text));

test.each([
  [null, "–"],
  [0, "0 %"],
  [0.0042, "0.42 %"],
  [0.5, "50 %"],
  [0.9934, "99.34 %"],
  [1, "100 %"],
])("the share %s reads %s", (share, text) => expect(percent(share)).toBe(text));

test.each([
  [0, "0 s"],
  [0.0042, "4.2 ms"],
  [1.46, "1.5 s"],
  [185, "3 min 5 s"],
  [7440, "2 h 4 min"],
  [176_400, "2 days 1 h"],
  [null, "–"],
])("%s seconds read %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test.each([
  [null, "–"],
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [1536, "1.5 kB"],
  [999_960, "1 MB"],
  [40_180_000, "40.2 MB"],
  [2 ** 60, "1152.9 PB"],
])("%s bytes read %s", (count, text) => expect(bytes(count)).toBe(text));

test("times are UTC, whatever the browser's zone is", () => {
  expect(time("2013-06-13T10:05:00Z")).toBe("13 Jun 2013, 10:05");
  expect(time(null)).toBe("–");
});

test.each([
  [30_000, "just now"],
  [5 * 60_000, "5 min ago"],
  [47 * 3_600_000, "47 h ago"],
  [72 * 3_600_000, "3 days ago"],
])("%s ms ago reads %s", (before, text) => expect(ago(0, before)).toBe(text));

test("a feature's name falls into view and column", () => {
  expect(featureParts("plane__age")).toEqual({ view: "plane", column: "age" });
  expect(featureName("plane__age")).toBe("plane.age");
  expect(featureName("distance")).toBe("distance");
  expect(featureParts("distance")).toEqual({ view: "", column: "distance" });
});

test("a time in a chart has its hour where they are close to each other", () => {
  const at = Date.parse("2013-06-13T10:05:00Z") / 1000;
  expect(moment(at, "UTC", [at - 3600, at])).toBe("13 Jun 2013, 10:05");
  expect(moment(at, "Asia/Tokyo", [at - 3600, at])).toBe("13 Jun 2013, 19:05");
  expect(moment(at, "UTC", [at - 7 * 86_400, at])).toBe("13 Jun 2013");
});

test.each([
  ["in the day up to 2024-02-13T00:00:00Z", "in the day up to 13 Feb 2024, 00:00"],
  ["cooling down until 2024-02-16T00:00:00Z: it last started at 2024-02-11T06:30:00.5Z", "cooling down until 16 Feb 2024, 00:00: it last started at 11 Feb 2024, 06:30"],
  ["nothing of a time: 2024-02-16", "nothing of a time: 2024-02-16"],
])("%s", (sentence, expected) => expect(readable(sentence)).toBe(expected));
