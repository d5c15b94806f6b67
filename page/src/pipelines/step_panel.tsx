// One step of a run: how it went, why it ran or did not, its tries and its log.
import { Anchor, Button, CloseButton, Code, Group, Stack, Text, Title } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { api, type PipelineRun, type Step } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { useLive } from "../components/live";
import { PlainTable } from "../components/plain_table";
import { StepLog } from "../components/step_log";
import { Fact, Facts, Time } from "../components/words";
import { bytes, duration } from "../lib/format";
import { readyAt, stateOf } from "../lib/step_times";
import { stateWords, StepIcon } from "./step_icon";
import "./step_panel.css";

const secondsOf = (one: Step["earlier_tries"][number]) => (Date.parse(one.finished_at) - Date.parse(one.started_at)) / 1000;

export function StepPanel({ run, step, close }: { run: PipelineRun; step: Step; close: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef<Element | null>(null);
  useEffect(() => {
    before.current = document.activeElement;
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "nearest" });
  }, [step.name]);
  const leave = () => {
    close();
    if (before.current instanceof HTMLElement) before.current.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") leave();
  };
  const state = stateOf(step);
  // Asked again when the step has gone on.
  const why = useLive((signal) => api.stepWhy(run.id, step.name, signal), `${run.id}/${step.name}/${state}/${step.tries}`, 30);
  const ready = readyAt(run, step);
  const first = step.earlier_tries[0]?.started_at ?? step.started_at;
  const failure = step.reason && step.reason !== why.data ? step.reason : "";
  return (
    <section className="step-panel" aria-label={`Step ${step.name}`} onKeyDown={onKey}>
      <Group justify="space-between" wrap="nowrap" mb="xs">
        <Group gap="xs">
          <StepIcon of={state} size={18} />
          <Title order={2} size="h4" tabIndex={-1} ref={heading} className="break">
            {step.name}
          </Title>
          <Text size="sm">{stateWords(state)}</Text>
        </Group>
        <CloseButton aria-label={`Close ${step.name}`} onClick={leave} />
      </Group>
      <Stack gap="sm">
        {failure && <Text size="sm">{failure}</Text>}
        {step.state === "waiting" && <Answer run={run.id} step={step} />}
        <Facts>
          <Fact name="Why">{why.data ?? (why.error ? why.error.message : "…")}</Fact>
          <Fact name="Waited">{ready === null || first === null ? "–" : duration(Math.max(0, Date.parse(first) - ready) / 1000)}</Fact>
          <Fact name="Began">
            <Time at={step.started_at} />
          </Fact>
          <Fact name="Took">{duration(step.seconds)}</Fact>
          <Fact name="Exit code">{step.exit_code ?? "–"}</Fact>
          {step.cpu_seconds !== null && (
            <Fact name="Used">
              {duration(step.cpu_seconds)} of CPU{step.peak_memory_bytes !== null && `, ${bytes(step.peak_memory_bytes)} of memory at most`}
            </Fact>
          )}
          <Fact name="Comes after">{step.needs.join(", ") || "nothing"}</Fact>
          {step.server && <Fact name="Server">{step.server}</Fact>}
          {step.job && (
            <Fact name="Job">
              <Text size="sm" ff="monospace" className="break-all">
                {step.job}
              </Text>
            </Fact>
          )}
          {step.nested_run && (
            <Fact name="Its run">
              <Anchor component={Link} to={`/pipeline-runs/${step.nested_run}`} ff="monospace" size="sm">
                {step.nested_run}
              </Anchor>
            </Fact>
          )}
          {step.not_before && (
            <Fact name="Tried again at">
              <Time at={step.not_before} />
            </Fact>
          )}
        </Facts>
        {step.earlier_tries.length > 0 && (
          <PlainTable
            name="Earlier tries"
            minWidth={420}
            rows={step.earlier_tries}
            keyOf={({ started_at }) => started_at}
            file={{ of: `earlier tries of ${step.name}`, call: api.pipelineRunPath(run.id) }}
            columns={[
              { title: "Earlier try", cell: ({ started_at }) => <Time at={started_at} />, value: ["started_at", ({ started_at }) => started_at] },
              { title: "Took", cell: (one) => duration(secondsOf(one)), value: ["seconds", secondsOf] },
              { title: "How it ended", cell: ({ reason }) => reason, value: ["reason", ({ reason }) => reason] },
            ]}
          />
        )}
        {step.command && (
          <Code block className="break-all">
            {step.command}
          </Code>
        )}
        {step.tries > 0 && !step.nested_run && <StepLog run={run.id} step={step.name} isOver={step.finished_at !== null} />}
      </Stack>
    </section>
  );
}

// Asks a person who lets a run go on, or doesn't, for the reason.
export function Answer({ run, step }: { run: string; step: Step }) {
  const yes = step.waits_for ? "Let it pass" : "Approve";
  const [asks, setAsks] = useState<typeof yes | "Refuse" | null>(null);
  const act = async (reason: string, actor: string) => {
    await api.answerStep(run, step.name, asks === yes, reason, actor);
  };
  return (
    <Group gap="xs" mt={4}>
      <Button size="compact-xs" onClick={() => setAsks(yes)}>
        {yes}
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => setAsks("Refuse")}>
        Refuse
      </Button>
      {asks && (
        <ConfirmDialog title={step.reason} verb={asks} color={asks === yes ? "teal" : "red"} optional={asks === yes} act={act} close={() => setAsks(null)} />
      )}
    </Group>
  );
}
