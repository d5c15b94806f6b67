// What may come next in a filter of runs (MLflow's language) where the caret is. Pure functions.
import { kindOf } from "./run_table";

export interface Expected {
  what: "key" | "operator" | "value" | "joint"; // joint: AND
  from: number; // where what is typed of it begins
  typed: string; // so far, without quotes
  of: string; // of an operator or a value: the column before it, as the table names it
}

interface Token {
  kind: "word" | "sign" | "text" | "other";
  text: string; // without quotes
  from: number;
  to: number;
  isOpen: boolean; // a text without its end
}

const kKinds: Record<string, string> = { metric: "metrics", metrics: "metrics", parameter: "params", parameters: "params", param: "params", params: "params", tag: "tags", tags: "tags", attribute: "attributes", attributes: "attributes", attr: "attributes", run: "attributes", dataset: "datasets", datasets: "datasets" };
const kClosed = new Set(["NULL"]);

// Words, a key's quoted parts among them; signs; texts.
function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern = /(?:[\w.:/\-]+|`[^`]*`?|(?<=\.)"[^"]*"?)+|'[^']*'?|"[^"]*"?|<=|>=|!=|[=<>]|[(),]|\S/g;
  for (const match of text.matchAll(pattern)) {
    const [raw, from] = [match[0], match.index];
    const quote = /^['"]/.test(raw) ? raw[0] : undefined;
    const isOpen = quote !== undefined && (raw.length === 1 || !raw.endsWith(quote));
    const kind = quote ? "text" : /^[\w`]/.test(raw) || raw.startsWith("-") ? "word" : /^[=<>!]/.test(raw) ? "sign" : "other";
    found.push({ kind, text: quote ? raw.slice(1, isOpen ? undefined : -1) : raw, from, to: from + raw.length, isOpen });
  }
  return found;
}

// "params.`max depth`" is the column "params.max depth"; a bare key is an attribute.
export function columnOf(key: string): string {
  const point = key.indexOf(".");
  const plain = (text: string) => text.replace(/[`"]/g, "");
  if (point < 0) return `attributes.${plain(key)}`;
  return `${kKinds[key.slice(0, point)] ?? key.slice(0, point)}.${plain(key.slice(point + 1))}`;
}

// What is expected at the end of `text`, which is what stands before the caret.
export function expected(text: string): Expected {
  const all = tokens(text);
  const last = all.at(-1);
  const isOn = last !== undefined && (last.isOpen || (last.to === text.length && last.kind !== "text" && last.kind !== "other"));
  const done = isOn ? all.slice(0, -1) : all;
  const from = isOn ? last.from : text.length;
  const typed = isOn ? last.text : "";
  let state: Expected["what"] = "key";
  let of = "";
  let depth = 0; // of the parentheses of a list
  for (const { kind, text: word } of done) {
    const big = word.toUpperCase();
    if (state === "key") {
      of = columnOf(word);
      state = "operator";
    } else if (state === "operator") {
      if (kClosed.has(big)) state = "joint";
      else if (kind === "sign" || /^(LIKE|ILIKE|RLIKE|IN)$/.test(big)) state = "value";
    } else if (state === "value") {
      if (word === "(" && kind === "other") ++depth;
      else if (word === ")" && kind === "other") depth = 0;
      if (depth === 0) state = "joint";
    } else if (big === "AND") {
      state = "key";
      of = "";
    }
  }
  // A sign is whole as it is: what comes next is its value.
  if (isOn && state === "operator" && last.kind === "sign") return { what: "value", from: text.length, typed: "", of };
  return { what: state, from, typed, of: state === "key" ? "" : of };
}

const kNumberSigns = ["=", "!=", "<", "<=", ">", ">="];
const kTextSigns = ["=", "!=", "LIKE", "ILIKE"];

export function operators(column: string): string[] {
  if (kindOf(column) === "metrics" || /^attributes\.(start_time|end_time|created)$/.test(column)) return kNumberSigns;
  if (/^attributes\.run_id$/.test(column) || column.startsWith("datasets.")) return [...kTextSigns, "IN"];
  return kindOf(column) === "attributes" ? kTextSigns : [...kTextSigns, "IS NULL", "IS NOT NULL"];
}

// A value as a text of the language; nothing where none of its quotes fits.
export function quoted(value: string): string | undefined {
  if (!value.includes("'")) return `'${value}'`;
  return value.includes('"') ? undefined : `"${value}"`;
}

// The text with what was chosen in the place of what was typed, and where the caret is then.
export function withChosen(text: string, caret: number, { from }: Expected, chosen: string): { text: string; caret: number } {
  const before = text.slice(0, from);
  const begin = before && !/[\s(]$/.test(before) ? `${before} ` : before;
  const after = text.slice(caret).replace(/^\s+/, "");
  return { text: `${begin}${chosen} ${after}`, caret: begin.length + chosen.length + 1 };
}
