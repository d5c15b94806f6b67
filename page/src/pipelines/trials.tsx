// The trials of a search: the best value so far as a small curve, and all of them as a table.
import { Anchor, Group, Stack, Table, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import type { Step } from "../api";
import { Word } from "../components/words";
import { kRunsCompared } from "../lib/compare";
import { duration, number } from "../lib/format";
import { bestOf, bestSoFar, metricOf, searchedNames } from "../lib/trials";

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

export function Trials({ step, select }: { step: Step; select: (name: string) => void }) {
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
        <Curve trials={trials} goal={search.goal} metric={metric} />
      </Group>
      <Table.ScrollContainer minWidth={560}>
        <Table verticalSpacing={4} aria-label={`Trials of ${step.name}`}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Trial</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>{metric}</Table.Th>
              {names.map((name) => (
                <Table.Th key={name}>{name}</Table.Th>
              ))}
              <Table.Th>Took</Table.Th>
              <Table.Th>Run</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {trials.map((trial) => (
              <Table.Tr key={trial.name} fw={trial.name === step.best?.name ? 600 : undefined}>
                <Table.Td>
                  <Anchor component="button" type="button" fw="inherit" onClick={() => select(trial.name)}>
                    {trial.name}
                  </Anchor>
                </Table.Td>
                <Table.Td>
                  <Word of={trial.state === "stopped" ? "stopped-early" : trial.state} /> {trial.name === step.best?.name && <Word of="best" />}
                </Table.Td>
                <Table.Td>{number(trial.score)}</Table.Td>
                {names.map((name) => (
                  <Table.Td key={name}>{told(trial.item?.[name])}</Table.Td>
                ))}
                <Table.Td className="nowrap">{duration(trial.seconds)}</Table.Td>
                <Table.Td>{trial.tracked_run && trial.state !== "pending" ? <Link to={`/runs/${trial.tracked_run}`}>metrics</Link> : "–"}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  );
}

const told = (value: unknown) => (typeof value === "number" ? number(value) : String(value ?? "–"));
