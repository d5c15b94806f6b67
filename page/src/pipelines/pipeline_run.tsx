import { Anchor, Button, Code, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type PipelineRun, type Step } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Fact, Facts, Head, Time, Word } from "../components/words";
import { duration } from "../lib/format";
import { told } from "../lib/problem";
import { Gantt } from "./gantt";
import { Graph } from "./graph";
import { took } from "./pipelines";
import { Answer, StepPanel } from "./step_panel";
import { Trials } from "./trials";

export function PipelineRunPage() {
  const { id = "" } = useParams();
  const run = useLive((signal) => api.pipelineRun(id, signal), id, 2, ["pipelines"]);
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
  const change = (key: string, value: string) =>
    setQuery((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(key, value);
      else after.delete(key);
      return after;
    });
  const view = query.get("view") === "time" ? "time" : "graph";
  const rows = run.steps.flatMap((each) => [each, ...(each.items ?? [])]);
  const trials = new Set(run.steps.filter(({ search }) => search).flatMap(({ items }) => (items ?? []).map(({ name }) => name)));
  const step = rows.find(({ name }) => name === query.get("step"));
  const selected = step?.name ?? null;
  const select = (name: string) => change("step", name === selected ? "" : name);
  const call = api.pipelineRunPath(run.id);
  const params = Object.entries(run.params).map(([key, value]) => `${key}=${value}`);
  return (
    <Stack gap="md">
      <Facts>
        <Fact name="Event time">
          <Time at={run.now} />
        </Fact>
        <Fact name="Took">{took(run)}</Fact>
        <Fact name="Why">{run.reason || "–"}</Fact>
        <Fact name="Who">{run.actor}</Fact>
        {run.parent && (
          <Fact name="Step of">
            <Anchor component={Link} to={`/pipeline-runs/${run.parent.run}?step=${encodeURIComponent(run.parent.step)}`} size="sm">
              {run.parent.step} of {run.parent.run}
            </Anchor>
          </Fact>
        )}
        <Fact name="Commit">
          {run.source.commit ? <Code>{run.source.commit.slice(0, 10)}</Code> : "–"}
          {run.source.dirty && " with changes"}
        </Fact>
        {params.length > 0 && (
          <Fact name="Parameters">
            <Text size="sm" ff="monospace" className="break">
              {params.join("  ")}
            </Text>
          </Fact>
        )}
      </Facts>
      <SegmentedControl
        className="views"
        aria-label="Show the steps"
        value={view}
        onChange={(value) => change("view", value === "graph" ? "" : value)}
        data={[
          { value: "graph", label: "As a graph" },
          { value: "time", label: "Over time" },
        ]}
      />
      {view === "graph" ? <Graph run={run} selected={selected} select={select} /> : <Gantt run={run} selected={selected} select={select} />}
      {step && <StepPanel run={run} step={step} close={() => change("step", "")} />}
      <PlainTable
        name="Steps"
        minWidth={560}
        rows={rows.filter((each) => !trials.has(each.name))}
        keyOf={({ name }) => name}
        isCurrent={(each) => each === step}
        file={{ of: `steps of ${run.id}`, call }}
        columns={[
          {
            title: "Step",
            cell: (each) => (
              <Anchor component="button" type="button" fw={600} aria-expanded={each === step} onClick={() => select(each.name)}>
                {each.name}
              </Anchor>
            ),
            value: ["step", ({ name }) => name],
          },
          { title: "State", cell: (each) => <State run={run.id} step={each} isShown={each === step} />, value: ["state", ({ state }) => state] },
          { title: "Began", cell: ({ started_at }) => <Time at={started_at} />, value: ["started_at", ({ started_at }) => started_at] },
          { title: "Took", cell: ({ seconds }) => duration(seconds), kind: "nowrap", value: ["seconds", ({ seconds }) => seconds] },
          { title: "Tries", cell: ({ tries }) => tries || "–", kind: "figures", value: ["tries", ({ tries }) => tries] },
          { title: "Exit code", cell: ({ exit_code }) => exit_code ?? "–", kind: "figures", value: ["exit_code", ({ exit_code }) => exit_code] },
        ]}
      />
      {run.steps.map((each) => (
        <Trials key={each.name} step={each} call={call} select={select} />
      ))}
    </Stack>
  );
}

function State({ run, step, isShown }: { run: string; step: Step; isShown: boolean }) {
  return (
    <>
      <Word of={step.state} />
      {step.reason && (
        <Text size="xs" c="dimmed">
          {step.reason}
        </Text>
      )}
      {step.state === "waiting" && !isShown && <Answer run={run} step={step} />}
      {step.not_before && (
        <Text size="xs" c="dimmed">
          again at <Time at={step.not_before} />
        </Text>
      )}
    </>
  );
}
