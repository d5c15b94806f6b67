import type { ColumnRule } from "../api";

const kValuesShown = 5;

const kTypes: Record<string, string> = { bool: "0 or 1", int64: "a whole number", double: "a number", string: "a text", timestamp: "a time" };

// What one rule of a column or an input asks for: "at most 6000"; of a rule that is no longer declared only its name.
export function ruleWords(declared: ColumnRule | undefined, rule: string): string {
  if (rule === "required") return "not missing";
  if (rule === "min" && declared?.min !== undefined) return `at least ${declared.min}`;
  if (rule === "max" && declared?.max !== undefined) return `at most ${declared.max}`;
  if (rule === "pattern" && declared?.pattern !== undefined) return `like ${declared.pattern}`;
  if (rule === "type" && declared?.type) return kTypes[declared.type] ?? declared.type;
  if (rule === "in" && declared?.in) {
    const more = declared.in.length - kValuesShown;
    return `one of ${declared.in.slice(0, kValuesShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
  return rule;
}

// All that a column must be.
export function rulesWords(declared: ColumnRule = {}): string {
  const { required, ...rest } = declared;
  const rules = [...(required ? ["required"] : []), ...["type", "min", "max", "in", "pattern"].filter((rule) => rule in rest)];
  return rules.map((rule) => ruleWords(declared, rule)).join(", ");
}

// "pages max", "visit there, and once": of the version's rules nothing more is known, and today's may be others.
export function brokenWords(broken: string): string {
  const cut = broken.lastIndexOf(" ");
  const [column, rule] = [broken.slice(0, cut), broken.slice(cut + 1)];
  return rule === "key" ? `${column} there, and once` : `${column} ${ruleWords(undefined, rule)}`;
}
