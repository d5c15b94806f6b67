// What a step of a pipeline's run wrote, as it comes.
import { api } from "../api";
import { useLive } from "./live";
import { Loaded } from "./loaded";

const kLogCharactersMax = 100_000;

export function StepLog({ run, step, isOver }: { run: string; step: string; isOver: boolean }) {
  const log = useLive((signal) => api.stepLog(run, step, signal), `${run}/${step} ${isOver}`, isOver ? Infinity : 2);
  return (
    <section aria-label={`Log of ${step}`}>
      <Loaded from={log}>
        {(text) => (
          <pre className="log" tabIndex={0}>
            {text.length > kLogCharactersMax && "… the beginning is left out\n"}
            {text.slice(-kLogCharactersMax) || "It has written nothing."}
          </pre>
        )}
      </Loaded>
    </section>
  );
}
