import { Accordion, Code, Group, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useParams } from "react-router-dom";

import { type PipelineRunRecord, type PipelineStep, useLive } from "../api";
import { number, time } from "../parts/format";
import { State } from "../parts/Health";
import { Loaded } from "../parts/State";

function Log({ run, step }: { run: string; step: PipelineStep }) {
  const started = !["pending", "skipped", "cached"].includes(step.state);
  const log = useLive<string>(started ? `/slipway/v1/pipeline-runs/${run}/steps/${encodeURIComponent(step.name)}/log` : null);
  return (
    <>
      <Code block mb="xs">
        {step.command}
      </Code>
      {started ? <Loaded live={log}>{(text) => <Code block>{text || "(it wrote nothing)"}</Code>}</Loaded> : <Text size="sm">{step.reason || "It has not run."}</Text>}
    </>
  );
}

export function PipelineRun() {
  const { id = "" } = useParams();
  const live = useLive<PipelineRunRecord>(`/slipway/v1/pipeline-runs/${encodeURIComponent(id)}`);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <Loaded live={live}>
      {(run) => (
        <>
          <Group mb="xs" gap="sm">
            <Title order={2}>{run.pipeline}</Title>
            <State word={run.state} />
            <Text c="dimmed" size="sm">
              {time(run.now)}, {run.id}
            </Text>
          </Group>
          <Text mb="md">
            {run.reason} {Object.entries(run.params).map(([k, v]) => `${k}=${v}`).join(", ")}
          </Text>
          <Accordion value={open} onChange={setOpen} variant="separated">
            {run.steps.map((step) => (
              <Accordion.Item key={step.name} value={step.name}>
                <Accordion.Control>
                  <Group gap="sm">
                    <Text fw={600}>{step.name}</Text>
                    <State word={step.state} />
                    <Text size="sm" c="dimmed">
                      {step.seconds === null ? "" : `${number(step.seconds, 1)} s`} {step.reason}
                    </Text>
                  </Group>
                </Accordion.Control>
                <Accordion.Panel>{open === step.name && <Log run={run.id} step={step} />}</Accordion.Panel>
              </Accordion.Item>
            ))}
          </Accordion>
        </>
      )}
    </Loaded>
  );
}
