// The trials of a search: the best value so far as a small curve, and all of them as a table.
import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import type { Step } from "../api";
import { Word } from "../components/words";
import { kRunsCompared } from "../lib/compare";
import { duration, number } from "../lib/format";
import { bestOf, bestSoFar, metricOf, searchedNames } from "../lib/trials";
import { Numbers } from "../components/numbers";
import { type Column, PlainTable } from "../components/plain_table";

const kWidth = 260;
const kHeight = 64;

// Each trial a dot, the best so far a line.
function Curve({ trials, goal, metric }: { trials: Step[]; goal: string; metric: string }) {
  const points = bestSoFar(trials, goal);
  const last = points.at(-1);
  if (points.length < 2 || !last) return null;
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (trial: number) => 4 + ((kWidth - 8) * trial) / Math.max(trials.length - 1, 1);
  const y = (value: number) => kHeight - 4 - ((kHeight - 8) * (value - low)) / (high - low || 1);
  const line = points.map(({ trial, best }, index) => `${index === 0 ? "M" : `H${x(trial)} L`}${x(trial)} ${y(best)}`).join(" ");
  return (
    <svg width={kWidth} height={kHeight} role="img" aria-label={`The best ${metric} so far over ${points.length} trials: from ${number(points[0]?.best)} to ${number(last.best)}`}>
      {points.map(({ trial, value }) => (
        <circle key={trial} cx={x(trial)} cy={y(value)} r={2} fill="currentColor" opacity={0.35} />
      ))}
      <path d={line} fill="none" stroke="var(--mantine-color-teal-6)" strokeWidth={2} />
    </svg>
  );
}

// `call` gave the step.
export function Trials({ step, call, select }: { step: Step; call: string; select: (name: string) => void }) {
  const trials = step.items ?? [];
  const search = step.search;
  if (!search || trials.length === 0) return null;
  const metric = metricOf(search.metric);
  const names = searchedNames(trials);
  const tracked = bestOf(trials, search.goal, kRunsCompared).flatMap(({ tracked_run, state }) => (tracked_run && state !== "pending" ? [tracked_run] : []));
  return (
    <Stack component="section" gap="xs" aria-label={`Trials of ${step.name}`}>
      <Group justify="space-between" align="end">
        <div>
          <Title order={3} size="h5">
            Trials of {step.name}
          </Title>
          <Text size="sm" c="dimmed">
            {trials.length} of {search.trials} by {search.method}, to {search.goal} {metric}
            {step.best && `; best so far ${number(step.best.score)} of ${step.best.name}`}
          </Text>
        </div>
        {tracked.length > 1 && (
          <Anchor component={Link} to={`/compare?${new URLSearchParams([...tracked.map((id) => ["runs", id]), ["metric", metric]])}`}>
            Compare {tracked.length} trials
          </Anchor>
        )}
        <div>
          <Curve trials={trials} goal={search.goal} metric={metric} />
          <Numbers of={`the best ${metric} so far`} call={call} names={["trial", metric, "best"]} rows={() => bestSoFar(trials, search.goal).map(({ trial, value, best }) => [trials[trial]?.name, value, best])} />
        </div>
      </Group>
      <PlainTable
        name={`Trials of ${step.name}`}
        minWidth={560}
        rows={trials}
        keyOf={({ name }) => name}
        isCurrent={({ name }) => name === step.best?.name}
        file={{ of: `trials of ${step.name}`, call }}
        columns={[
          {
            title: "Trial",
            cell: ({ name }) => (
              <Anchor component="button" type="button" fw="inherit" onClick={() => select(name)}>
                {name}
              </Anchor>
            ),
            value: ["trial", ({ name }) => name],
          },
          {
            title: "State",
            cell: ({ name, state }) => (
              <>
                <Word of={state === "stopped" ? "stopped-early" : state} /> {name === step.best?.name && <Word of="best" />}
              </>
            ),
            value: ["state", ({ state }) => state],
          },
          { title: metric, cell: ({ score }) => number(score), kind: "figures", value: [metric, ({ score }) => score] },
          ...names.map((name): Column<Step> => ({ title: name, cell: ({ item }) => told(item?.[name]), kind: "figures", value: [name, ({ item }) => item?.[name]] })),
          { title: "Took", cell: ({ seconds }) => duration(seconds), kind: "nowrap", value: ["seconds", ({ seconds }) => seconds] },
          { title: "Run", cell: ({ tracked_run, state }) => (tracked_run && state !== "pending" ? <Anchor component={Link} to={`/runs/${tracked_run}`}>metrics</Anchor> : "–"), value: ["run", ({ tracked_run }) => tracked_run] },
        ]}
      />
    </Stack>
  );
}

const told = (value: unknown) => (typeof value === "number" ? number(value) : String(value ?? "–"));
