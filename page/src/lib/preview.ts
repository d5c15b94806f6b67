// How a file of a run can be looked at, and a table of commas as rows. Pure functions.

export type Look = "text" | "json" | "table" | "image" | "none";

const kTexts = new Set(["txt", "log", "err", "out", "cfg", "conf", "ini", "toml", "yaml", "yml", "xml", "js", "py", "md", "rst", "sh", "sql", "html", "htm", "css", "properties", "MLmodel", "MLproject", "requirements", "patch", "diff", "r", "cc", "h", "cpp", "java", "ts", "env", "jsonl"]);
const kImages = new Set(["png", "jpg", "jpeg", "gif", "svg", "bmp", "webp", "ico"]);

export function lookOf(path: string): Look {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const ending = dot > 0 ? name.slice(dot + 1) : name;
  if (kImages.has(ending.toLowerCase())) return "image";
  if (ending === "json" || ending === "ipynb") return "json";
  if (ending === "csv" || ending === "tsv") return "table";
  return kTexts.has(ending) || kTexts.has(ending.toLowerCase()) ? "text" : "none";
}

// The rows of a table as RFC 4180 has it, at most `most` of them. `isCut`: the text ends somewhere within, so that its last row may be half.
export function parseTable(text: string, separator: string, most: number, isCut: boolean): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let isQuoted = false;
  const endRow = () => {
    rows.push([...row, field]);
    row = [];
    field = "";
  };
  for (let at = 0; at < text.length && rows.length < most; ++at) {
    const letter = text[at] ?? "";
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') field += text[++at] ?? "";
      else isQuoted = false;
    } else if (letter === '"' && field === "") {
      isQuoted = true;
    } else if (letter === separator) {
      row.push(field);
      field = "";
    } else if (letter === "\n" || letter === "\r") {
      if (letter === "\r" && text[at + 1] === "\n") ++at;
      endRow();
    } else {
      field += letter;
    }
  }
  if (rows.length < most && !isCut && (field !== "" || row.length > 0)) endRow();
  return rows;
}

// JSON with a line for each thing; the text as it is where it is none, or is cut.
export function readableJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
