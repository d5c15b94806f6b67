// What the trials of a search come to. Pure functions.
import type { Step } from "../api";

// The best value so far after each trial that has one, in their order.
export function bestSoFar(trials: Step[], goal: string): { trial: number; value: number; best: number }[] {
  const found: { trial: number; value: number; best: number }[] = [];
  trials.forEach((trial, index) => {
    if (trial.score === null || trial.score === undefined || !isGood(trial)) return;
    const before = found.at(-1)?.best ?? trial.score;
    const best = goal === "maximize" ? Math.max(before, trial.score) : Math.min(before, trial.score);
    found.push({ trial: index, value: trial.score, best });
  });
  return found;
}

// As many trials as may be looked at together, in their order: all, or the best of them.
export function bestOf(trials: Step[], goal: string, most: number): Step[] {
  if (trials.length <= most) return trials;
  const worth = ({ score }: Step) => (score === null || score === undefined ? -Infinity : goal === "maximize" ? score : -score);
  const chosen = new Set([...trials].sort((a, b) => worth(b) - worth(a)).slice(0, most));
  return trials.filter((trial) => chosen.has(trial));
}

const isGood = ({ state }: Step) => state === "succeeded" || state === "cached";

// "auc" of auc and of metrics.json#auc
export const metricOf = (metric: string) => metric.slice(metric.indexOf("#") + 1);

// The names of what is searched, in their order.
export const searchedNames = (trials: Step[]) => Object.keys(trials[0]?.item ?? {});
