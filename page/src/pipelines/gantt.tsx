// The steps of a run over time: when each waited, ran, and was tried again.
import { Group } from "@mantine/core";
import { api, type PipelineRun } from "../api";
import { Numbers } from "../components/numbers";
import { duration, time } from "../lib/format";
import { spanOf, stateOf, stretches, ticks, type Stretch } from "../lib/step_times";
import { stateWords, StepIcon } from "./step_icon";
import "./gantt.css";

interface GanttProps {
  run: PipelineRun;
  selected: string | null;
  select: (step: string) => void;
}

const took = (stretch: Stretch) => duration((stretch.to - stretch.from) / 1000);

function told(name: string, state: string, all: Stretch[], start: number): string {
  const tries = all.filter(({ kind }) => kind === "try");
  const last = tries.at(-1);
  const waited = all.filter(({ kind }) => kind === "waits").reduce((sum, each) => sum + each.to - each.from, 0);
  return [
    `${name}: ${state}`,
    last ? `began ${duration((last.from - start) / 1000)} after the run's start and took ${took(last)}` : "did not begin",
    tries.length > 1 && `after ${tries.length - 1} earlier ${tries.length === 2 ? "try" : "tries"}`,
    waited > 0 && `waited ${duration(waited / 1000)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

export function Gantt({ run, selected, select }: GanttProps) {
  const newest = run.steps.flatMap((step) => [step.started_at, step.finished_at]).filter((at) => at !== null);
  const now = Math.max(Date.now(), ...newest.map((at) => Date.parse(at)));
  const [start, end] = spanOf(run, now);
  const share = (at: number) => `${(100 * (at - start)) / (end - start)}%`;
  const marks = ticks((end - start) / 1000);
  return (
    <section aria-label="Steps over time" className="gantt">
      <div className="gantt-axis" aria-hidden>
        {marks.map((second) => (
          <span key={second} style={{ left: share(start + second * 1000) }}>
            {second === 0 ? "0" : duration(second)}
          </span>
        ))}
      </div>
      {run.steps.map((step) => {
        const all = stretches(run, step, now);
        const state = stateOf(step);
        return (
          <button key={step.name} type="button" className="gantt-row" aria-pressed={selected === step.name} aria-label={told(step.name, stateWords(state), all, start)} onClick={() => select(step.name)}>
            <span className="gantt-name">
              <StepIcon of={state} size={14} /> <span title={step.name}>{step.name}</span>
            </span>
            <span className="gantt-track">
              {marks.map((second) => (
                <i key={second} className="gantt-mark" style={{ left: share(start + second * 1000) }} />
              ))}
              {all.map((stretch, index) => (
                <i
                  key={index}
                  className={`gantt-${stretch.kind} ${stretch.kind === "try" ? `step-${stretch.state}` : ""}`}
                  style={{ left: `min(${share(stretch.from)}, 100% - 3px)`, width: `max(3px, ${(100 * (stretch.to - stretch.from)) / (end - start)}%)` }}
                  title={`${stretch.words || stateWords(state)}: ${took(stretch)}`}
                />
              ))}
            </span>
          </button>
        );
      })}
      <Group justify="space-between" align="start">
        <p className="gantt-legend dim">
          From the run&apos;s start at {time(start)} UTC. Thin lines: a step waits to begin; dotted ones: it waits to be tried again.
        </p>
        <Numbers
          of={`steps of ${run.id} over time`}
          call={api.pipelineRunPath(run.id)}
          names={["step", "state", "kind", "from", "to", "seconds"]}
          rows={() =>
            run.steps.flatMap((step) =>
              stretches(run, step, now).map(({ kind, from, to }) => [step.name, stateOf(step), kind, new Date(from).toISOString(), new Date(to).toISOString(), (to - from) / 1000]),
            )
          }
        />
      </Group>
    </section>
  );
}
