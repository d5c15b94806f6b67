// Which of many things somebody means who types a few letters. Pure functions.
import type { Alert } from "../api";

// Something to do, that is asked about first.
export type Deed = { verb: "roll back" | "follow"; endpoint: string } | { verb: "run"; pipeline: string } | { verb: "acknowledge" | "silence"; alert: Alert };

export interface Found {
  kind: string; // "model", "pipeline run"
  title: string;
  detail: string;
  to: string; // its address
  deed?: Deed; // in place of going there
}

const kShown = 12;

// Less is better; undefined: it isn't meant. The letters at the start, at a word's start, anywhere, or one after another.
export function distance(typed: string, text: string): number | undefined {
  const [needle, hay] = [typed.toLowerCase(), text.toLowerCase()];
  const at = hay.indexOf(needle);
  if (at === 0) return hay.length === needle.length ? 0 : 1;
  if (at > 0) return /[\s_\-/.:@]/.test(hay[at - 1] ?? "") ? 2 : 3;
  let from = 0;
  let gaps = 0;
  for (const letter of needle) {
    const next = hay.indexOf(letter, from);
    if (next < 0) return undefined;
    gaps += next - from;
    from = next + 1;
  }
  return 4 + gaps / 100;
}

// What is offered before anything is typed, in this order: ids mean nothing to who has none in mind.
const kAtFirst = ["model", "incident", "action", "pipeline", "experiment", "dataset", "screen"];

// Every word must fit the title, the kind or the detail; the title counts most.
export function rank(all: Found[], typed: string): Found[] {
  const words = typed.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return kAtFirst.flatMap((kind) => all.filter((one) => one.kind === kind)).slice(0, kShown);
  const scored = all.flatMap((one) => {
    let sum = 0;
    for (const word of words) {
      const inTitle = distance(word, one.title);
      const beside = [one.kind, one.detail].map((text) => distance(word, text)).filter((each) => each !== undefined && each < 4) as number[];
      const best = Math.min(inTitle ?? Infinity, ...beside.map((each) => each + 1.5));
      if (best === Infinity) return [];
      sum += best;
    }
    return [{ one, sum }];
  });
  return scored
    .sort((a, b) => a.sum - b.sum)
    .slice(0, kShown)
    .map(({ one }) => one);
}
