import { Alert, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api, type Pipeline } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { useKept, useLive } from "../components/live";
import { useSettled } from "../components/settled";
import { Word } from "../components/words";
import "./run_dialog.css";

const kPauseMs = 400; // after a letter, before the server is asked

interface RunDialogProps {
  pipeline: Pick<Pipeline, "name" | "params">;
  close: () => void;
  started: (run: string) => void;
}

// Starts a run, after it has said which steps would run with these parameters, and why.
export function RunDialog({ pipeline: { name, params: defaults }, close, started }: RunDialogProps) {
  const [params, setParams] = useState<Record<string, string>>({}); // other than the defaults, whose {now} the server knows
  const asked = useSettled(JSON.stringify(params), kPauseMs);
  const forecast = useKept(useLive((signal) => api.explainRun(name, JSON.parse(asked) as Record<string, string>, signal), asked, Infinity));
  const act = async (reason: string, actor: string) => started((await api.startRun(name, params, reason, actor)).id);
  return (
    <ConfirmDialog title={`Run ${name}?`} verb="Run" color="cyan" optional act={act} close={close}>
      {Object.keys(defaults).map((param) => (
        <TextInput key={param} label={param} value={params[param] ?? defaults[param] ?? ""} onChange={(event) => setParams({ ...params, [param]: event.currentTarget.value })} />
      ))}
      {forecast.error && (
        <Alert color="red" variant="light" role="alert">
          {forecast.error.message}
        </Alert>
      )}
      <div>
        <Text size="sm" fw={600}>
          What it will do
        </Text>
        <ul className="forecast" aria-label="What it will do" aria-busy={forecast.data === undefined}>
          {forecast.data?.map(({ step, verdict, why }) => (
            <li key={step}>
              <b>{step}</b> <Word of={verdict} />{" "}
              <Text span size="xs" c="dimmed">
                {why}
              </Text>
            </li>
          ))}
        </ul>
      </div>
    </ConfirmDialog>
  );
}
