import { Button, Code, Group, Stack, Table, Text } from "@mantine/core";
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";
import { api, type PipelineRun, type Step } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { Fact, Head, Time, Word } from "../components/words";
import { duration } from "../lib/format";
import { told } from "../lib/problem";
import { took } from "./pipelines";

const kLogCharactersMax = 100_000;

export function PipelineRunPage() {
  const { id = "" } = useParams();
  const run = useLive((signal) => api.pipelineRun(id, signal), id, 2);
  const trail: [string, string][] = [["Pipelines", "/pipelines"]];
  if (run.data) trail.push([run.data.pipeline, `/pipelines/${encodeURIComponent(run.data.pipeline)}`]);
  return (
    <>
      <Head title={`Run ${id}`} trail={trail} words={run.data && <Word of={run.data.state} />}>
        {run.data && <Deed run={run.data} />}
      </Head>
      <Loaded from={run}>{(data) => <Body run={data} />}</Loaded>
    </>
  );
}

// What can be done about the run now: end it, or run again what did not succeed.
function Deed({ run }: { run: PipelineRun }) {
  const [problem, setProblem] = useState("");
  if (run.state === "succeeded") return null;
  const [name, act] = run.finished_at ? (["Try again", api.retryPipelineRun] as const) : (["Cancel", api.cancelPipelineRun] as const);
  const click = async () => {
    setProblem("");
    try {
      await act(run.id);
    } catch (error) {
      setProblem(told(error));
    }
  };
  return (
    <>
      {problem && (
        <Text size="sm" c="red" role="alert">
          {problem}
        </Text>
      )}
      <Button variant="default" onClick={() => void click()}>
        {name}
      </Button>
    </>
  );
}

function Body({ run }: { run: PipelineRun }) {
  const [query, setQuery] = useSearchParams();
  const shown = query.get("log");
  const params = Object.entries(run.params).map(([key, value]) => `${key}=${value}`);
  return (
    <Stack gap="md">
      <Group gap="xl">
        <Fact name="Event time">
          <Time at={run.now} />
        </Fact>
        <Fact name="Took">{took(run)}</Fact>
        <Fact name="Why">{run.reason || "–"}</Fact>
        <Fact name="Who">{run.actor}</Fact>
        <Fact name="Commit">
          {run.source.commit ? <Code>{run.source.commit.slice(0, 10)}</Code> : "–"}
          {run.source.dirty && " with changes"}
        </Fact>
      </Group>
      {params.length > 0 && (
        <Text size="sm" ff="monospace" c="dimmed">
          {params.join("  ")}
        </Text>
      )}
      <Table verticalSpacing="xs" aria-label="Steps">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Step</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Took</Table.Th>
            <Table.Th>Exit code</Table.Th>
            <Table.Th>Command</Table.Th>
            <Table.Th />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {run.steps.map((step) => (
            <Row key={step.name} run={run.id} step={step} shown={shown === step.name} show={(log) => setQuery(log ? { log } : {})} />
          ))}
        </Table.Tbody>
      </Table>
      {shown && <Log run={run.id} step={shown} />}
    </Stack>
  );
}

// Asks a person who lets a run go on, or doesn't, for the reason.
function Answer({ run, step }: { run: string; step: Step }) {
  const [asks, setAsks] = useState<"Approve" | "Refuse" | null>(null);
  const act = async (reason: string, actor: string) => {
    await api.answerStep(run, step.name, asks === "Approve", reason, actor);
  };
  return (
    <Group gap="xs" mt={4}>
      <Button size="compact-xs" onClick={() => setAsks("Approve")}>
        Approve
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => setAsks("Refuse")}>
        Refuse
      </Button>
      {asks && (
        <ConfirmDialog title={step.reason} verb={asks} color={asks === "Approve" ? "teal" : "red"} optional={asks === "Approve"} act={act} close={() => setAsks(null)} />
      )}
    </Group>
  );
}

function Row({ run, step, shown, show }: { run: string; step: Step; shown: boolean; show: (step: string) => void }) {
  return (
    <Table.Tr>
      <Table.Td fw={600}>{step.name}</Table.Td>
      <Table.Td>
        <Word of={step.state} />
        {step.reason && (
          <Text size="xs" c="dimmed">
            {step.reason}
          </Text>
        )}
        {step.state === "waiting" && <Answer run={run} step={step} />}
        {step.not_before && (
          <Text size="xs" c="dimmed">
            again at <Time at={step.not_before} />
          </Text>
        )}
      </Table.Td>
      <Table.Td className="nowrap">{duration(step.seconds)}</Table.Td>
      <Table.Td>{step.exit_code ?? "–"}</Table.Td>
      <Table.Td maw={420}>
        <Text size="xs" ff="monospace" lineClamp={2} title={step.command}>
          {step.command || "–"}
        </Text>
      </Table.Td>
      <Table.Td>
        <Button
          size="compact-xs"
          variant="default"
          disabled={!step.started_at || !step.command}
          aria-expanded={shown}
          aria-label={`Log of ${step.name}`}
          onClick={() => show(shown ? "" : step.name)}
        >
          {shown ? "Hide log" : "Log"}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}

function Log({ run, step }: { run: string; step: string }) {
  const log = useLive((signal) => api.stepLog(run, step, signal), `${run}/${step}`, 2);
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
