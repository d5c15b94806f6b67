// From a monitor's verdicts to the cells of its health over time. Pure functions.
import type { Verdicts, VerdictWord, WindowKind } from "../api";
import { type Mark, seconds } from "./series";

// "waits": for labels, without which it can't be judged.
export type CellState = VerdictWord | "waits";

export interface LineColumn {
  start: string;
  end: string;
  overall: CellState;
  happened: Mark[];
}

const kWorstFirst: CellState[] = ["fires", "fine", "not_judged", "waits"];

// What the alerts say of a window together: one that fires is heard over all that are fine, one that is fine over those that can't tell.
// Without alerts a window that was judged is neither good nor bad.
export function overall(said: (VerdictWord | null)[], isJudged: boolean): CellState {
  const words = said.map((word) => word ?? "waits");
  return kWorstFirst.find((state) => words.includes(state)) ?? (isJudged ? "not_judged" : "waits");
}

// A column a window. What happened belongs to the window in which it did, not to that which it is about; what came after the last one to the last.
export function columnsOf({ windows, alerts }: Verdicts, marks: Mark[]): LineColumn[] {
  return windows.map(({ start, end, judged }, index) => {
    const from = seconds(start);
    const next = windows[index + 1];
    const until = next ? seconds(next.start) : Infinity;
    return {
      start,
      end,
      overall: overall(
        alerts.map((alert) => alert.verdicts[index] ?? null),
        judged,
      ),
      happened: marks.filter((mark) => mark.x >= from && mark.x < until),
    };
  });
}

// Which of so many columns are shown: the newest, or those around the chosen one. -1: none is chosen.
export function shownColumns(count: number, chosen: number, most: number): [from: number, until: number] {
  const until = chosen < 0 ? count : Math.min(count, Math.max(most, chosen + 1 + Math.floor(most / 2)));
  return [Math.max(0, until - most), until];
}

const kDays: [Intl.DateTimeFormatOptions, Intl.DateTimeFormatOptions] = [{ month: "short" }, { day: "numeric" }];
const kParts: Record<WindowKind, typeof kDays> = {
  hour: [{ day: "numeric", month: "short" }, { hour: "2-digit", hourCycle: "h23" }],
  day: kDays,
  week: kDays,
  month: [{ year: "numeric" }, { month: "short" }],
};

// What stands above a column, in the monitor's zone: the larger part only where it changes.
export function headings(starts: string[], kind: WindowKind, timeZone: string): { above: string; below: string }[] {
  const [above, below] = kParts[kind];
  const large = new Intl.DateTimeFormat("en-GB", { ...above, timeZone });
  const small = new Intl.DateTimeFormat("en-GB", { ...below, timeZone });
  let last = "";
  return starts.map((start) => {
    const at = new Date(start);
    const above = large.format(at);
    const heading = { above: above === last ? "" : above, below: small.format(at) };
    last = above;
    return heading;
  });
}
