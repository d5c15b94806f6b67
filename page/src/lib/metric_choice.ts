// Which of a run's metrics are drawn, as the address says it: `metrics` and `page`. Pure functions.

export const kCurvesOfPage = 24;

export interface MetricChoice {
  asked: string; // parts of names with commas between; none: all
  page: number; // from 1
}

export const readMetricChoice = (query: URLSearchParams): MetricChoice => ({ asked: query.get("metrics") ?? "", page: Math.max(1, Math.trunc(Number(query.get("page"))) || 1) });

// What stands before the first "/" and groups names, with it: "train/" of "train/loss"; nothing where there is none.
export const prefixOf = (name: string) => name.slice(0, name.indexOf("/") + 1);

// Names in which one of the parts stands, whatever their letters' case.
export function fitting(names: string[], asked: string): string[] {
  const parts = asked.toLowerCase().split(",").map((part) => part.trim()).filter(Boolean);
  return parts.length === 0 ? names : names.filter((name) => parts.some((part) => name.toLowerCase().includes(part)));
}

export interface Chosen {
  names: string[]; // that are drawn
  fit: number; // how many could be
  page: number;
  pages: number;
}

export function chosen(names: string[], { asked, page }: MetricChoice): Chosen {
  const byGroup = (a: string, b: string) => prefixOf(a).localeCompare(prefixOf(b)) || a.localeCompare(b);
  const fit = fitting(names, asked).sort(byGroup);
  const pages = Math.max(1, Math.ceil(fit.length / kCurvesOfPage));
  const at = Math.min(page, pages); // there may be fewer by now
  return { names: fit.slice((at - 1) * kCurvesOfPage, at * kCurvesOfPage), fit: fit.length, page: at, pages };
}

// How many names each prefix has, in order; those without one first.
export function prefixes(names: string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(prefixOf(name), (counts.get(prefixOf(name)) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}
