// The steps of a run as a graph: what comes after what, and how each went.
import { useMediaQuery } from "@mantine/hooks";
import { useMemo } from "react";
import type { PipelineRun, Step } from "../api";
import { duration } from "../lib/format";
import { layered, type Place } from "../lib/layers";
import { stateOf } from "../lib/step_times";
import { Legend, StepIcon, stateWords } from "./step_icon";

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
  const layers = useMemo(() => layered(JSON.parse(shape) as { name: string; needs: string[] }[]), [shape]);
  const most = Math.max(1, ...layers.rows);
  // Along the layers and across them; on a narrow screen the layers go down.
  const along = isNarrow ? node.height + kGap.along * 0.6 : node.width + kGap.along;
  const across = isNarrow ? node.width + kGap.across : node.height + kGap.across;
  const corner = ({ layer, row }: Place) => {
    const a = layer * along;
    const b = (row + (most - (layers.rows[layer] ?? 1)) / 2) * across;
    return isNarrow ? { x: b, y: a } : { x: a, y: b };
  };
  const width = isNarrow ? most * across - kGap.across : layers.rows.length * along - kGap.along;
  const height = isNarrow ? layers.rows.length * along - kGap.along * 0.6 : most * across - kGap.across;
  const path = (from: Place, via: Place[], to: Place) => {
    const points = [from, ...via, to].map((place, index, all) => {
      const { x, y } = corner(place);
      const isFirst = index === 0;
      const isLast = index === all.length - 1;
      // A line leaves at the far side, arrives at the near side, and crosses a layer between over its whole depth.
      const enter = isNarrow ? [x + node.width / 2, y] : [x, y + node.height / 2];
      const leave = isNarrow ? [x + node.width / 2, y + node.height] : [x + node.width, y + node.height / 2];
      return isFirst ? [leave] : isLast ? [enter] : [enter, leave];
    });
    const flat = points.flat() as [number, number][];
    return flat
      .map(([x, y], index) => {
        const before = flat[index - 1];
        if (!before) return `M${x} ${y}`;
        const middle = isNarrow ? (before[1] + y) / 2 : (before[0] + x) / 2;
        return isNarrow ? `C${before[0]} ${middle} ${x} ${middle} ${x} ${y}` : `C${middle} ${before[1]} ${middle} ${y} ${x} ${y}`;
      })
      .join("");
  };
  const shows = (from: string, to: string) => selected === from || selected === to;
  return (
    <section aria-label="Graph of steps">
      <div className="graph" tabIndex={width > 340 ? 0 : undefined} role="group" aria-label="Steps, each behind what it needs">
        <div style={{ position: "relative", width, height }}>
          <svg width={width} height={height} className="graph-edges" aria-hidden>
            {layers.edges.map(({ from, to, via }) => {
              const [first, last] = [layers.places.get(from), layers.places.get(to)];
              return first && last && <path key={`${from} ${to}`} d={path(first, via, last)} data-from={from} data-to={to} className={shows(from, to) ? "graph-near" : undefined} />;
            })}
          </svg>
          {run.steps.map((step) => {
            const place = layers.places.get(step.name);
            if (!place) return null;
            const { x, y } = corner(place);
            const state = stateOf(step);
            return (
              <button
                key={step.name}
                type="button"
                className={`node step-${state}`}
                style={{ left: x, top: y, ...node }}
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
