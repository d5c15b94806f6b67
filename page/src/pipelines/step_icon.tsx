// The state of a step by shape and colour: either alone is enough.
import type { StepState } from "../lib/step_times";
import "./step_icon.css";

const kShapes: Record<StepState, { outline: string; sign: string }> = {
  succeeded: { outline: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", sign: "M4.5 8.2 7 10.7 11.5 5.6" },
  cached: { outline: "M1.5 1.5h13v13h-13z", sign: "M4.5 8.2 7 10.7 11.5 5.6" },
  failed: { outline: "M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z", sign: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" },
  refused: { outline: "M8 .6 15.8 14.6H.2z", sign: "M8 5.6v4.2M8 11.6v1" },
  running: { outline: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", sign: "M6.2 4.8 11.2 8l-5 3.2z" },
  retrying: { outline: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z", sign: "M11 6.2A3.6 3.6 0 1 0 11.5 9M11.4 4v2.6H8.8" },
  waiting: { outline: "M8 .4 15.6 8 8 15.6.4 8z", sign: "M6.4 5.4v5.2M9.6 5.4v5.2" },
  sensing: { outline: "M8 .4 15.6 8 8 15.6.4 8z", sign: "M8 4.6V8l2.4 1.6" },
  pending: { outline: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", sign: "" },
  skipped: { outline: "M1 5.5h14v5H1z", sign: "M5 8h6" },
  cancelled: { outline: "M1.5 1.5h13v13h-13z", sign: "M4.5 11.5l7-7" },
};

export const kStepStates = Object.keys(kShapes) as StepState[];

export function StepIcon({ of, size = 16 }: { of: StepState; size?: number }) {
  const shape = kShapes[of] ?? kShapes.pending;
  return (
    <svg className={`step-icon step-${of}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden>
      <path className="step-outline" d={shape.outline} />
      <path className="step-sign" d={shape.sign} />
    </svg>
  );
}

const kWords: Partial<Record<StepState, string>> = {
  cached: "from cache",
  retrying: "will be tried again",
  waiting: "waits for a person",
  sensing: "waits for something",
  refused: "refused by a gate",
};

export const stateWords = (state: StepState) => kWords[state] ?? state;

// What the signs mean, of the states that are there.
export function Legend({ states }: { states: Iterable<StepState> }) {
  const there = new Set(states);
  return (
    <ul className="step-legend" aria-label="Signs">
      {kStepStates
        .filter((state) => there.has(state))
        .map((state) => (
          <li key={state}>
            <StepIcon of={state} size={13} /> {stateWords(state)}
          </li>
        ))}
    </ul>
  );
}
