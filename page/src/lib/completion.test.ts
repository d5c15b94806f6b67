import { expect, test } from "vitest";
import { columnOf, expected, operators, quoted, withChosen } from "./completion";

test.each([
  ["", "key", "", ""],
  ["met", "key", "met", ""],
  ["metrics.au", "key", "metrics.au", ""],
  ["metrics.auc ", "operator", "", "metrics.auc"],
  ["metrics.auc >", "value", "", "metrics.auc"],
  ["metrics.auc > ", "value", "", "metrics.auc"],
  ["metrics.auc > 0.", "value", "0.", "metrics.auc"],
  ["metrics.auc > 0.5 ", "joint", "", "metrics.auc"],
  ["metrics.auc > 0.5 an", "joint", "an", "metrics.auc"],
  ["metrics.auc > 0.5 AND ", "key", "", ""],
  ["metrics.auc > 0.5 and par", "key", "par", ""],
  ["params.`max depth` ", "operator", "", "params.max depth"],
  ["params.`max de", "key", "params.`max de", ""],
  ['params."max depth" LI', "operator", "LI", "params.max depth"],
  ["params.depth = '", "value", "", "params.depth"],
  ["params.depth = 'a b", "value", "a b", "params.depth"],
  ["params.depth = '6'", "joint", "", "params.depth"],
  ["params.depth IS NOT ", "operator", "", "params.depth"],
  ["params.depth IS NOT NULL ", "joint", "", "params.depth"],
  ["status = 'FI", "value", "FI", "attributes.status"],
  ["run_id IN ('a', '", "value", "", "attributes.run_id"],
  ["run_id IN ('a') ", "joint", "", "attributes.run_id"],
  ["tags.a = 'x AND y' AND tag.b ILIKE '%", "value", "%", "tags.b"],
])("%s", (text, what, typed, of) => {
  expect(expected(text)).toMatchObject({ what, typed, of });
});

test("what is chosen takes the place of what was typed", () => {
  const at = (text: string, chosen: string, caret = text.length) => withChosen(text, caret, expected(text.slice(0, caret)), chosen);
  expect(at("metrics.au", "metrics.auc")).toEqual({ text: "metrics.auc ", caret: 12 });
  expect(at("params.depth =", "'6'")).toEqual({ text: "params.depth = '6' ", caret: 19 });
  expect(at("params.depth = 'a", "'a b'")).toEqual({ text: "params.depth = 'a b' ", caret: 21 });
  expect(at("run_id IN (", "'x'")).toEqual({ text: "run_id IN ('x' ", caret: 15 });
  expect(at("me > 0.5", "metrics.auc", 2)).toEqual({ text: "metrics.auc > 0.5", caret: 12 });
});

test("columns, operators and quotes are the language's", () => {
  expect([columnOf("metric.a"), columnOf("parameter.`b c`"), columnOf("status")]).toEqual(["metrics.a", "params.b c", "attributes.status"]);
  expect(operators("metrics.a")).toContain("<=");
  expect(operators("params.a")).toContain("IS NULL");
  expect(operators("attributes.status")).not.toContain("IS NULL");
  expect([quoted("a"), quoted("it's"), quoted("'\"")]).toEqual(["'a'", '"it\'s"', undefined]);
});
