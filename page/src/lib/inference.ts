// Open Inference Protocol, V2: what a form has in it as a request. Pure functions.
import type { InferenceInput } from "../api";

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
