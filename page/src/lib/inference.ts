// Open Inference Protocol, V2: what a form has in it as a request, and counters as rates. Pure functions.
import type { InferenceInput, InferenceStats } from "../api";

const kWhole = new Set(["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"]);

export interface InferenceRequest {
  inputs: { name: string; datatype: string; shape: number[]; data: (number | string | boolean | null)[] }[];
}

// How many values a row of the input has: what no number is said of counts as one.
export const sizeOf = ({ shape }: InferenceInput) => shape.slice(1).reduce((size, part) => size * Math.max(part, 1), 1);

function valueOf(text: string, datatype: string): number | string | boolean {
  if (datatype === "BYTES") return text;
  const word = text.trim();
  if (datatype === "BOOL") {
    if (word === "true" || word === "false") return word === "true";
    throw new Error("true or false is expected");
  }
  const value = Number(word);
  if (word === "" || Number.isNaN(value)) throw new Error(`a number is expected: ${word || "nothing is there"}`);
  if (!Number.isFinite(value)) throw new Error(`a finite number is expected: ${word}`);
  if (kWhole.has(datatype) && !Number.isInteger(value)) throw new Error(`a whole number is expected: ${word}`);
  if (kWhole.has(datatype) && !Number.isSafeInteger(value)) throw new Error(`browsers round a number of this size, other clients don't: ${word}`);
  return value;
}

// One row. Several values of an input are separated by commas. Throws an Error that names the input.
export function requestOf(inputs: InferenceInput[], texts: Record<string, string>): InferenceRequest {
  return {
    inputs: inputs.map((input) => {
      const text = texts[input.name] ?? "";
      const size = sizeOf(input);
      try {
        const parts = size === 1 ? [text] : text.split(",");
        if (parts.length !== size) throw new Error(`${size} values are expected, separated by commas: there are ${parts.length}`);
        return { name: input.name, datatype: input.datatype, shape: [1, ...input.shape.slice(1).map((part) => Math.max(part, 1))], data: parts.map((part) => valueOf(part, input.datatype)) };
      } catch (problem) {
        throw new Error(`${input.name}: ${problem instanceof Error ? problem.message : String(problem)}`);
      }
    }),
  };
}

export const curlOf = (url: string, request: InferenceRequest) => `curl ${url} -H 'Content-Type: application/json' -d '${JSON.stringify(request).replaceAll("'", "'\\''")}'`;

const inPython = (value: number | string | boolean | null) => (value === null ? "None" : typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value));
const python = (request: InferenceRequest) =>
  request.inputs
    .map(({ name, datatype, shape, data }) => {
      const values = data.map(inPython).join(", ");
      return `    {"name": ${JSON.stringify(name)}, "datatype": "${datatype}", "shape": [${shape.join(", ")}], "data": [${values}]},`;
    })
    .join("\n");
export const pythonOf = (url: string, request: InferenceRequest) => `import requests\n\nreply = requests.post("${url}", json={"inputs": [\n${python(request)}\n]})\nprint(reply.json()["outputs"])`;

// What happened between two looks at a version's counters.
export interface Rates {
  perSecond: number;
  meanMs: number | null; // of a request; null: there was none
  failed: number | null; // a share
}

const countOf = (stats: InferenceStats[], which: "success" | "fail") =>
  stats.reduce((sum, { inference_stats }) => ({ count: sum.count + inference_stats[which].count, ns: sum.ns + inference_stats[which].ns }), { count: 0, ns: 0 });

export function ratesOf(before: InferenceStats[], after: InferenceStats[], seconds: number): Rates | undefined {
  const [good0, good1, bad0, bad1] = [countOf(before, "success"), countOf(after, "success"), countOf(before, "fail"), countOf(after, "fail")];
  const good = good1.count - good0.count;
  const bad = bad1.count - bad0.count;
  if (good < 0 || bad < 0 || seconds <= 0) return undefined; // the server began anew
  return {
    perSecond: (good + bad) / seconds,
    meanMs: good === 0 ? null : (good1.ns - good0.ns) / good / 1e6,
    failed: good + bad === 0 ? null : bad / (good + bad),
  };
}
