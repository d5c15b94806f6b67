// Values as people read them.
export function number(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
}
export function count(value: number): string {
  return value.toLocaleString("en");
}
export function share(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}
// "2013-06-11 04:00" in UTC, as the server keeps it.
export function time(text: string | null | undefined): string {
  return text ? text.slice(0, 16).replace("T", " ") : "–";
}
export function day(text: string): string {
  return text.slice(0, 10);
}
export function seconds(text: string): number {
  return Date.parse(text) / 1000;
}
