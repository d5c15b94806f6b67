import { expect, test } from "vitest";
import type { Alert, Incident, ModelOverview, Revision, Rollout, Window } from "../api";
import { happened, money, nextSteps, quality, summary } from "./sentences";

const model = (facts: Partial<ModelOverview> = {}) =>
  ({ name: "m", endpoint: "e", owner: "ada", phase: "steady", health: "healthy", health_reason: "", traffic_per_day: [5, 1200], open_alerts: 0, version: 3, last_release: null, ...facts }) as ModelOverview;
const window = (start: string, metrics: Record<string, number | null>, variant = "live") => ({ start, variant, metrics }) as Window;
const rollout: Rollout = { phase: "steady", held: false, held_reason: "" };

test("one sentence says use and health", () => {
  expect(summary(model())).toBe("It was asked 1,200 times on the newest day, and it works as it should.");
  expect(summary(model({ traffic_per_day: [], health: "unknown" }))).toBe("Nobody has asked it yet, and how well it works is not known yet.");
});

test("quality is the measure that is easiest to explain, of live windows in order of time", () => {
  const windows = [window("2026-02", { auc: 0.9, log_loss: 0.3 }), window("2026-01", { auc: 0.8, log_loss: 0.2 }), window("2026-03", { auc: 0.1 }, "next (shadow)")];
  expect(quality(windows)).toMatchObject({ text: "90 %", trend: "12.5 % better than the time before (80 %).", values: [0.8, 0.9] });
  expect(quality([window("2026-01", { mae: 10 }), window("2026-02", { mae: 11 })])?.trend).toBe("10 % worse than the time before (10).");
  expect(quality([window("2026-01", { mae: 10 }), window("2026-02", { mae: 10.1 })])?.trend).toBe("About as good as the time before.");
  expect(quality([window("2026-01", { auc: null, late_rate: 0.2 })])).toBeUndefined();
});

test("money is of a week at the newest day's traffic", () => {
  const cost = { version: 3, predictions: 9, cpu_seconds_per_1000: 2, cost_per_1000: 0.05, currency: "EUR" };
  expect(money(model(), [cost])).toBe("About 0.42 EUR a week.");
  expect(money(model(), [{ ...cost, cost_per_1000: null, currency: null }])).toContain("About 16.8 s of one processor's time a week");
  expect(money(model(), [])).toContain("Nothing was measured");
});

test("what is to be done comes from incidents, alerts and releases", () => {
  expect(nextSteps(model(), rollout, [], [])).toEqual(["Nothing. It is looked after by itself."]);
  const alert = { alert: "quality_drop", severity: "critical", state: "open", time: "2026-03-02T00:00:00Z", acknowledged: null, actions: [] } as unknown as Alert;
  const incident = { title: "Late data", state: "open", owner: "", opened: "2026-03-01T00:00:00Z" } as Incident;
  expect(nextSteps(model(), { ...rollout, held: true, held_reason: "rolled back" }, [alert], [incident])).toEqual([
    "There is an incident since 1 Mar 2026 (Late data); nobody has taken it on yet: somebody should.",
    "“quality drop” has been reported since 2 Mar 2026 (urgent). Nobody has said yet that they look into it.",
    "No new version is taken until somebody says so: rolled back",
  ]);
});

test("what happened is newest first, and at most so much", () => {
  const revision = { kind: "promote", time: "2026-03-01T00:00:00Z", variants: [{ role: "live", version: 4 }] } as unknown as Revision;
  const alert = { alert: "drift", severity: "info", time: "2026-03-02T00:00:00Z" } as Alert;
  expect(happened([revision, { ...revision, kind: "canary-step" }], [alert], [], 9)).toEqual([
    { time: "2026-03-02T00:00:00Z", words: "“drift” was reported (good to know)." },
    { time: "2026-03-01T00:00:00Z", words: "Version 4 took charge." },
  ]);
  expect(happened([revision, revision], [alert], [], 1)).toHaveLength(1);
});
