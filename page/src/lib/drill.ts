// What a drill's report says, as the page tells it. Pure functions.
import type { DrillReport, DrillVerdict, SuggestedAlert } from "../api";

// Event time in two units: "2 d 6 h".
export function delay(seconds: number | null): string {
  if (seconds === null) return "–";
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return "at once";
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60) % 24;
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  return hours > 0 ? `${hours} h` : `${minutes} min`;
}

export interface Watcher {
  name: string; // an alert, or what else noticed: "/health"
  monitor: string; // "": no monitor's
}

// Who noticed anything at all, monitors first: the columns of the matrix.
export function watchers(report: DrillReport): Watcher[] {
  const found = new Map<string, Watcher>();
  const all = [...report.faults, ...report.controls];
  for (const { monitor, alert } of all.flatMap((verdict) => verdict.noticed)) found.set(`${monitor} ${alert}`, { name: alert, monitor });
  for (const { by } of all) if (by && !by.startsWith("alert ")) found.set(by, { name: by, monitor: "" });
  return [...found.values()].sort((a, b) => Number(a.monitor === "") - Number(b.monitor === "") || `${a.monitor} ${a.name}`.localeCompare(`${b.monitor} ${b.name}`));
}

// Seconds until this one noticed; null: it didn't.
export function noticedAfter(verdict: DrillVerdict, watcher: Watcher): number | null {
  if (watcher.monitor === "") return verdict.by === watcher.name ? verdict.delay_seconds : null;
  return verdict.noticed.find(({ monitor, alert }) => monitor === watcher.monitor && alert === watcher.name)?.delay_seconds ?? null;
}

// When answers were as without the fault again, or why not.
export function recovered(verdict: DrillVerdict): string {
  return verdict.not_recovered ? `not recovered: ${verdict.not_recovered}` : delay(verdict.recovery_seconds ?? null);
}

// What was missed first, then by how long it took.
export function worstFirst(verdicts: DrillVerdict[]): DrillVerdict[] {
  return [...verdicts].sort((a, b) => Number(a.caught) - Number(b.caught) || (b.delay_seconds ?? 0) - (a.delay_seconds ?? 0));
}

// For the `alerts:` of a monitor in slipway.yaml.
export function alertYaml(fault: string, { metric, window, over, under, min_rows }: SuggestedAlert): string {
  const bound = over !== undefined ? `over: ${Number(over.toPrecision(4))}` : `under: ${Number((under ?? 0).toPrecision(4))}`;
  return `${fault.replace(/\W+/g, "_")}: {metric: ${metric}, window: ${window}, ${bound}, min_rows: ${min_rows}}`;
}

export interface Change {
  fault: string;
  isBetter: boolean;
  words: string;
}

// Since the drill before: of the faults that both played with the same share and ramp.
export function changes(before: DrillReport, now: DrillReport): Change[] {
  const found: Change[] = [];
  for (const is of now.faults) {
    const was = before.faults.find(({ fault, share, ramp_seconds = 0 }) => fault === is.fault && share === is.share && ramp_seconds === (is.ramp_seconds ?? 0));
    if (!was) continue;
    if (was.caught !== is.caught) {
      found.push({ fault: is.fault, isBetter: is.caught, words: is.caught ? `was missed, is noticed after ${delay(is.delay_seconds)}` : "was noticed, is missed" });
    } else if (is.delay_seconds !== was.delay_seconds && is.delay_seconds !== null && was.delay_seconds !== null) {
      found.push({ fault: is.fault, isBetter: is.delay_seconds < was.delay_seconds, words: `was noticed after ${delay(was.delay_seconds)}, now ${delay(is.delay_seconds)}` });
    }
  }
  return found;
}
