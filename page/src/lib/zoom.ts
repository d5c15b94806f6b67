// Which part of a chart is seen. Pure functions; both ends are of x.

export type Range = [number, number];

const kNearest = 1e-6; // of all that there is: no nearer

const within = ([low, high]: Range, [first, last]: Range): Range => {
  const width = Math.min(high - low, last - first);
  const from = Math.min(Math.max(low, first), last - width);
  return [from, from + width];
};

// What is at `at` stays there, and `factor` times as much is seen; never more than all.
export function zoomed([low, high]: Range, all: Range, at: number, factor: number): Range {
  const narrowest = (all[1] - all[0]) * kNearest;
  const width = Math.max((high - low) * factor, narrowest);
  if (width >= all[1] - all[0]) return all;
  const share = (at - low) / (high - low || 1);
  return within([at - share * width, at + (1 - share) * width], all);
}

// Further to the right by this share of what is seen, as far as there is something.
export function panned([low, high]: Range, all: Range, share: number): Range {
  const by = (high - low) * share;
  return within([low + by, high + by], all);
}
