// The last runs beside each other, step by step: one glance says what fails, and since when.
import { Anchor, Group } from "@mantine/core";
import { Link } from "react-router";
import { api, type ListedRun, type RunWithSteps } from "../api";
import { move } from "../components/arrows";
import { Numbers } from "../components/numbers";
import { SideScroll } from "../components/side_scroll";
import { clock, day, duration, time } from "../lib/format";
import { failsSince, stateOf } from "../lib/step_times";
import { Legend, StepIcon, stateWords } from "./step_icon";
import "../components/grid.css";

const kRunsShown = 25;

export function Grid({ pipeline, runs }: { pipeline: string; runs: RunWithSteps[] }) {
  const shown = runs.slice(0, kRunsShown).reverse(); // oldest first
  const newest = shown.at(-1);
  if (!newest) return null;
  const names = [...new Set([...newest.steps, ...shown.flatMap((run) => run.steps)].map((step) => step.name))];
  const of = (run: RunWithSteps, name: string) => run.steps.find((step) => step.name === name);
  const failing = names.map((name) => shown[failsSince(shown.map((run) => of(run, name)?.state)) ?? -1]);
  const longest = Math.max(1, ...shown.map((run) => lasted(run) ?? 0));
  return (
    <section aria-label="Steps of the last runs">
      <SideScroll name="Steps of the last runs" place={(element) => void (element && (element.scrollLeft = element.scrollWidth))}>
        <table className="grid" aria-label="Steps of the last runs" onKeyDown={move}>
          <thead>
            <tr>
              <th scope="col">
                <span className="dim">{shown.length === 1 ? "1 run" : `${shown.length} runs, oldest first`}</span>
                <br />
                <span className="dim">{longest > 1 && `the longest ${duration(longest)}`}</span>
              </th>
              {shown.map((run, column) => (
                <th key={run.id} scope="col">
                  <Link
                    to={`/pipeline-runs/${run.id}`}
                    className={`grid-run step-${run.state}`}
                    data-row={0}
                    data-column={column}
                    tabIndex={run === newest ? 0 : -1}
                    aria-label={`Run ${run.id} of ${time(run.now)}: ${run.state}${lasted(run) === null ? "" : `, took ${duration(lasted(run))}`}`}
                    title={`${day(run.now)}, ${clock(run.now)}: ${run.state}${run.reason ? `\n${run.reason}` : ""}`}
                  >
                    <i className="grid-bar" style={{ height: `${Math.max(8, (100 * (lasted(run) ?? longest)) / longest)}%` }} />
                  </Link>
                </th>
              ))}
              {failing.some(Boolean) && (
                <th scope="col" className="grid-since">
                  <span className="dim">Fails since</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {names.map((name, row) => {
              const since = failing[row];
              return (
                <tr key={name}>
                  <th scope="row" title={name}>
                    {name}
                  </th>
                  {shown.map((run, column) => {
                    const step = of(run, name);
                    if (!step) return <td key={run.id} aria-label="not in this run" />;
                    const state = stateOf(step);
                    return (
                      <td key={run.id}>
                        <Link
                          to={`/pipeline-runs/${run.id}?step=${encodeURIComponent(name)}`}
                          className="grid-cell"
                          data-row={row + 1}
                          data-column={column}
                          tabIndex={-1}
                          aria-label={`${name}, ${time(run.now)}: ${stateWords(state)}`}
                          title={`${name}, ${time(run.now)}\n${stateWords(state)}${step.seconds === null ? "" : `, ${duration(step.seconds)}`}${step.tries > 1 ? `, ${step.tries} tries` : ""}${step.reason ? `\n${step.reason}` : ""}`}
                        >
                          <StepIcon of={state} size={15} />
                          {step.tries > 1 && <sub>{step.tries}</sub>}
                        </Link>
                      </td>
                    );
                  })}
                  {since && (
                    <td className="grid-since">
                      <StepIcon of="failed" size={12} /> <Anchor component={Link} to={`/pipeline-runs/${since.id}?step=${encodeURIComponent(name)}`}>{time(since.now)}</Anchor>
                    </td>
                  )}
                </tr>
              );
            })}
          </tbody>
        </table>
      </SideScroll>
      {shown.some((run) => run.steps.some((step) => step.tries > 1)) && <p className="gantt-legend dim">A number beside a sign: so many tries.</p>}
      <Group justify="space-between">
        <Legend states={shown.flatMap((run) => run.steps.map(stateOf))} />
        <Numbers
          of={`steps of the last runs of ${pipeline}`}
          call={`${api.pipelineRunsPath(pipeline)}?steps=true`}
          names={["run", "event_time", "step", "state", "tries", "seconds", "reason"]}
          rows={() => shown.flatMap((run) => run.steps.map((step) => [run.id, run.now, step.name, stateOf(step), step.tries, step.seconds, step.reason]))}
        />
      </Group>
    </section>
  );
}

// Seconds; null: it goes on.
function lasted(run: ListedRun): number | null {
  return run.finished_at ? (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000 : null;
}
