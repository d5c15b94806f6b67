import type { InputRule } from "../api";

const kValuesShown = 5;

// "at most 6000"; of a rule that is no longer declared only its name.
export function ruleWords(declared: InputRule | undefined, rule: string): string {
  if (rule === "required") return "not missing";
  if (rule === "min" && declared?.min !== undefined) return `at least ${declared.min}`;
  if (rule === "max" && declared?.max !== undefined) return `at most ${declared.max}`;
  if (rule === "pattern" && declared?.pattern !== undefined) return `like ${declared.pattern}`;
  if (rule === "type" && declared?.type) return declared.type === "bool" ? "0 or 1" : "a whole number";
  if (rule === "in" && declared?.in) {
    const more = declared.in.length - kValuesShown;
    return `one of ${declared.in.slice(0, kValuesShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
  return rule;
}
