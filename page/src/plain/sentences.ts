// What a model's facts mean to somebody who is no engineer. Pure functions.
import { sum, weekOf } from "../lib/costs";
import type { Action, Alert, HealthWord, Incident, ModelOverview, Revision, Rollout, VersionCost, Window } from "../api";
import { day, duration, number, percent, plural } from "../lib/format";

export const kHealthWords: Record<HealthWord, string> = {
  healthy: "Works as it should",
  watch: "Needs watching",
  alert: "Something is wrong",
  unknown: "Not known yet",
};

const kHealthSentences: Record<HealthWord, string> = {
  healthy: "it works as it should",
  watch: "it works, but somebody should keep an eye on it",
  alert: "something is wrong with it",
  unknown: "how well it works is not known yet",
};

export function summary(model: ModelOverview): string {
  const asked = model.traffic_per_day.at(-1);
  const use = asked === undefined ? "Nobody has asked it yet" : `It was asked ${plural(asked, "time")} on the newest day`;
  return `${use}, and ${kHealthSentences[model.health]}.`;
}

// Measures from the one that is most easily explained to the least; a share is of answers.
const kMeasures: { metric: string; name: string; more: "better" | "worse"; share?: boolean }[] = [
  { metric: "accuracy", name: "right answers", more: "better", share: true },
  { metric: "mape", name: "how far answers are off, on average", more: "worse", share: true },
  { metric: "mae", name: "how far answers are off, on average", more: "worse" },
  { metric: "rmse", name: "how far answers are off (large errors count more)", more: "worse" },
  { metric: "ndcg@10", name: "how well the best come first (1 is perfect)", more: "better" },
  { metric: "auc", name: "how often it ranks a case that happens above one that doesn't", more: "better", share: true },
  { metric: "log_loss", name: "how far its chances are off (0 is perfect)", more: "worse" },
];

export interface Quality {
  name: string;
  text: string; // of the newest window
  trend: string;
  values: number[]; // oldest first
  starts: string[]; // of the windows that have them
}

// A change of less than this is none that one could see.
const kSameWithin = 0.02;

export function quality(windows: Window[]): Quality | undefined {
  const live = windows.filter((window) => window.variant === "live").sort((a, b) => a.start.localeCompare(b.start));
  for (const { metric, name, more, share } of kMeasures) {
    const known = live.flatMap(({ start, metrics }) => (typeof metrics[metric] === "number" ? [{ start, value: metrics[metric] }] : []));
    const values = known.map(({ value }) => value);
    const [before, last] = [values.at(-2), values.at(-1)];
    if (last === undefined) continue;
    const told = share ? percent : number;
    let trend = "There is no earlier time to compare with.";
    if (before !== undefined) {
      const change = before === 0 ? last : (last - before) / Math.abs(before);
      const direction = change > 0 === (more === "better") ? "better" : "worse";
      trend = Math.abs(change) < kSameWithin ? "About as good as the time before." : `${percent(Math.abs(change))} ${direction} than the time before (${told(before)}).`;
    }
    return { name, text: told(last), trend, values, starts: known.map(({ start }) => start) };
  }
  return undefined;
}

// What answering costs a week, at the newest day's traffic and the live version's price.
export function money(model: ModelOverview, costs: VersionCost[]): string {
  const week = weekOf(model, costs);
  if (!week) return "Nothing was measured since the server started.";
  if (week.cpuSeconds === null) return "How much it is asked is not known: no monitor watches it.";
  if (week.cost === null) {
    const most = week.cpuSeconds < 1 ? "Less than a second" : `About ${duration(week.cpuSeconds)}`;
    return `${most} of one processor's time a week; what that costs in money is not set.`;
  }
  return `About ${sum(week.cost, week.currency)} a week.`;
}

export function nextSteps(model: ModelOverview, rollout: Rollout, alerts: Alert[], incidents: Incident[]): string[] {
  const steps: string[] = [];
  for (const incident of incidents.filter((each) => each.state !== "resolved")) {
    const who = incident.owner ? `${incident.owner} looks after it` : "nobody has taken it on yet: somebody should";
    steps.push(`There is an incident since ${day(incident.opened)} (${incident.title}); ${who}.`);
  }
  for (const alert of alerts.filter((each) => each.state === "open")) steps.push(`${alertWords(alert)} ${doneAbout(alert)}`);
  if (rollout.canary) {
    steps.push(
      `Version ${rollout.canary.version} is being tried with ${rollout.percent ?? 0} % of the requests. It takes over, or is taken away, by itself; ` +
        `the next look is on ${day(rollout.canary.next_check)}.`,
    );
  }
  if (rollout.proposal) steps.push(`Version ${rollout.proposal.version} is about to be tried, from ${day(rollout.proposal.takes_over_at)} on.`);
  if (rollout.held) steps.push(`No new version is taken until somebody says so: ${rollout.held_reason}`);
  if (steps.length === 0) steps.push(model.health === "unknown" ? "Wait for the first results." : "Nothing. It is looked after by itself.");
  return steps;
}

const kSeverities: Record<string, string> = { critical: "urgent", warning: "to be looked at", info: "good to know" };

function alertWords(alert: Alert): string {
  const what = alert.alert.replaceAll(/[-_]/g, " ");
  return `“${what}” has been reported since ${day(alert.time)} (${kSeverities[alert.severity] ?? alert.severity}).`;
}

const kDeeds: Record<Action["does"], string> = {
  pipeline: "A new version is being trained",
  hold: "New versions were stopped",
  rollback: "The version before was put back",
  fallback: "A substitute was put in charge",
  incident: "An incident was opened",
};

function doneAbout(alert: Alert): string {
  const action = alert.actions.at(-1);
  if (alert.acknowledged) return `${alert.acknowledged.by} knows of it.`;
  if (!action) return "Nobody has said yet that they look into it.";
  const does = kDeeds[action.does];
  return action.state === "done" || action.state === "started" || action.state === "starting"
    ? `${does}, by itself.`
    : `Nothing was done by itself: ${action.reason.replace(/\.$/, "")}.`;
}

// The newest things that happened, newest first.
export function happened(revisions: Revision[], alerts: Alert[], incidents: Incident[], most: number): { time: string; words: string }[] {
  const version = (revision: Revision) => revision.variants.find((variant) => variant.role === "live")?.version;
  const of_revision: Record<string, (revision: Revision) => string> = {
    promote: (revision) => `Version ${version(revision)} took charge.`,
    deploy: (revision) => `Version ${version(revision)} was put in charge by ${revision.actor}.`,
    rollback: (revision) => `Version ${version(revision)} was put back in charge.`,
    hold: () => "New versions were stopped.",
    fallback: () => "A substitute was put in charge.",
  };
  return [
    ...revisions.flatMap((revision) => {
      const words = of_revision[revision.kind]?.(revision);
      return words ? [{ time: revision.time, words }] : [];
    }),
    ...alerts.map((alert) => ({ time: alert.time, words: alertWords(alert).replace("has been", "was").replace(/since [^(]*\(/, "(") })),
    ...incidents.map((incident) => ({ time: incident.opened, words: `An incident was opened: ${incident.title}.` })),
  ]
    .sort((a, b) => b.time.localeCompare(a.time))
    .slice(0, most);
}
