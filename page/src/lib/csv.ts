// A table as text, as RFC 4180 has it. Numbers keep all their digits; what is missing is empty. A text that a spreadsheet
// would take for a formula begins with an apostrophe.
export function csv(names: string[], rows: unknown[][]): string {
  return [names, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const plain = typeof value === "object" ? JSON.stringify(value) : String(value);
  const isFormula = typeof value === "string" && /^[=+\-@\t\r]/.test(plain) && Number.isNaN(Number(plain));
  const text = isFormula ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
