// The steps of a run as a graph: what comes after what, and how each went.
import { useMediaQuery } from "@mantine/hooks";
import { useMemo } from "react";
import type { PipelineRun, Step } from "../api";
import { duration } from "../lib/format";
import { drawn, layered } from "../lib/layers";
import { stateOf } from "../lib/step_times";
import { Legend, StepIcon, stateWords } from "./step_icon";
import "../components/graph.css";

const kWide = { width: 176, height: 52 };
const kNarrow = { width: 150, height: 52 }; // two beside each other on a telephone
const kGap = { along: 56, across: 16 };

interface GraphProps {
  run: PipelineRun;
  selected: string | null;
  select: (step: string) => void;
}

const triesOf = (step: Step) => (step.tries > 1 ? `${step.tries} tries` : "");
const wordsOf = (step: Step) => stateWords(stateOf(step)) + (step.seconds !== null && step.state !== "cached" ? `, ${duration(step.seconds)}` : "");

export function Graph({ run, selected, select }: GraphProps) {
  const isNarrow = useMediaQuery("(max-width: 48em)") ?? false;
  const node = isNarrow ? kNarrow : kWide;
  const shape = JSON.stringify(run.steps.map(({ name, needs }) => ({ name, needs })));
  // On a narrow screen the layers go down, closer to each other.
  const graph = useMemo(
    () =>
      drawn(
        layered(JSON.parse(shape) as { name: string; needs: string[] }[]),
        node,
        isNarrow ? { ...kGap, along: kGap.along * 0.6 } : kGap,
        isNarrow ? "down" : "right",
      ),
    [shape, node, isNarrow],
  );
  const shows = (from: string, to: string) => selected === from || selected === to;
  return (
    <section aria-label="Graph of steps">
      <div className="graph" tabIndex={graph.width > 340 ? 0 : undefined} role="group" aria-label="Steps, each behind what it needs">
        <div style={{ position: "relative", width: graph.width, height: graph.height }}>
          <svg width={graph.width} height={graph.height} className="graph-edges" aria-hidden>
            {graph.lines.map(({ from, to, path }) => (
              <path key={`${from} ${to}`} d={path} data-from={from} data-to={to} className={shows(from, to) ? "graph-near" : undefined} />
            ))}
          </svg>
          {run.steps.map((step) => {
            const corner = graph.corners.get(step.name);
            if (!corner) return null;
            const state = stateOf(step);
            return (
              <button
                key={step.name}
                type="button"
                className={`node step-${state}`}
                style={{ left: corner.x, top: corner.y, ...node }}
                aria-label={`${step.name}: ${[triesOf(step), wordsOf(step)].filter(Boolean).join(", ")}`}
                aria-pressed={selected === step.name}
                onClick={() => select(step.name)}
              >
                <StepIcon of={state} size={20} />
                <span className="node-text">
                  <span title={step.name}>
                    <b>{step.name}</b> <span className="dim">{triesOf(step)}</span>
                  </span>{" "}
                  <span className="dim">{wordsOf(step)}</span>
                </span>
              </button>
            );
          })}
        </div>
      </div>
      <Legend states={run.steps.map(stateOf)} />
    </section>
  );
}
