// A table as text, as RFC 4180 has it. Numbers keep all their digits; what is missing is empty.
export function csv(names: string[], rows: unknown[][]): string {
  return [names, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
