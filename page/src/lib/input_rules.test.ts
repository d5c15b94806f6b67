import { expect, test } from "vitest";
import { brokenWords, rulesWords, ruleWords } from "./input_rules";

test("a rule in words", () => {
  expect(ruleWords({ max: 6000 }, "max")).toBe("at most 6000");
  expect(ruleWords({ min: 0 }, "min")).toBe("at least 0");
  expect(ruleWords({}, "required")).toBe("not missing");
  expect(ruleWords({ type: "int64" }, "type")).toBe("a whole number");
  expect(ruleWords({ type: "bool" }, "type")).toBe("0 or 1");
  expect(ruleWords({ pattern: "^[A-Z]{2}$" }, "pattern")).toBe("like ^[A-Z]{2}$");
  expect(ruleWords({ in: ["AA", "B6"] }, "in")).toBe("one of AA, B6");
  expect(ruleWords({ in: ["a", "b", "c", "d", "e", "f", "g"] }, "in")).toBe("one of a, b, c, d, e and 2 more");
});

test("a rule that is no longer declared", () => {
  expect(ruleWords(undefined, "max")).toBe("max");
  expect(ruleWords({ min: 1 }, "in")).toBe("in");
});

test("all rules of a column, and one of them that was broken", () => {
  expect(rulesWords({ in: ["north", "south"], required: true, type: "string" })).toBe("not missing, a text, one of north, south");
  expect(rulesWords({ min: 0, max: 1000, required: false })).toBe("at least 0, at most 1000");
  expect(rulesWords(undefined)).toBe("");
  expect(brokenWords("pages max")).toBe("pages max");
  expect(brokenWords("of two words required")).toBe("of two words not missing");
  expect(brokenWords("arrived, departed in_order")).toBe("arrived, departed in_order");
  expect(brokenWords("visit key")).toBe("visit there, and once");
});
