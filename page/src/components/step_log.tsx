// What a step of a pipeline's run wrote, as it comes.
import { api } from "../api";
import { useLive } from "./live";
import { Loaded } from "./loaded";

const kLogBytesMax = 400_000; // of its end
const kAgainSeconds = 2;

export function StepLog({ run, step, isOver }: { run: string; step: string; isOver: boolean }) {
  // Once more after its end: the last lines.
  const log = useLive(async (signal) => ({ ...(await api.stepLogEnd(run, step, kLogBytesMax, signal)), isWhole: isOver }), `${run}/${step}`, ({ isWhole }) => (isWhole && isOver ? Infinity : kAgainSeconds));
  return (
    <section aria-label={`Log of ${step}`}>
      <Loaded from={log}>
        {({ text, isCut }) => (
          <pre className="log" tabIndex={0}>
            {isCut && "… the beginning is left out\n"}
            {text || "It has written nothing."}
          </pre>
        )}
      </Loaded>
    </section>
  );
}
