// When a pipeline runs by itself: next and last times, pausing, and the past filled up.
import { Alert, Anchor, Button, Code, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { api, type Backfill, type Schedule } from "../api";
import { Dialog } from "../components/dialog";
import { PlainTable } from "../components/plain_table";
import { Time, Word } from "../components/words";
import { told } from "../lib/problem";

export function says(schedule: Schedule): string {
  if (schedule.cron) return schedule.time_zone ? `${schedule.cron} in ${schedule.time_zone}` : `${schedule.cron} UTC`;
  if (schedule.every) return `every ${schedule.every}`;
  const { dataset, model, alias } = schedule.when ?? {};
  if (dataset) return `new data in ${dataset}`;
  return alias ? `${model}@${alias} moves` : `a new version of ${model}`;
}

export function Schedules({ schedules, changed }: { schedules: Schedule[]; changed: () => void }) {
  const [fills, setFills] = useState<Schedule | null>(null);
  const [problem, setProblem] = useState("");
  if (schedules.length === 0)
    return (
      <Text size="sm" c="dimmed" mb="xs">
        It runs when somebody or an alert starts it: there is no schedule under <Code>schedules:</Code> for it.
      </Text>
    );
  const pause = async (schedule: Schedule) => {
    setProblem("");
    try {
      await api.pauseSchedule(schedule.name, !schedule.paused);
    } catch (error) {
      setProblem(told(error));
    }
    changed();
  };
  return (
    <Stack gap="xs" mb="md">
      {problem && (
        <Alert color="red" variant="light" role="alert">
          {problem}
        </Alert>
      )}
      <PlainTable
        name="Schedules"
        minWidth={700}
        rows={schedules}
        keyOf={({ name }) => name}
        file={{ of: "schedules", call: api.schedulesPath }}
        columns={[
          { title: "Schedule", cell: ({ name }) => name, value: ["schedule", ({ name }) => name] },
          { title: "When", cell: says, value: ["when", says] },
          { title: "Next", cell: ({ paused, next }) => (paused ? "paused" : <Time at={next} />), value: ["next", ({ paused, next }) => (paused ? "paused" : next)] },
          { title: "Last", cell: (schedule) => <Last schedule={schedule} />, value: ["last", ({ last }) => last?.scheduled], also: [["last_state", ({ last }) => last?.outcome ?? last?.state], ["last_run", ({ last }) => last?.run]] },
          {
            title: "Do",
            cell: (schedule) => (
              <Group gap="xs" wrap="nowrap">
                <Button size="compact-xs" variant="default" onClick={() => void pause(schedule)}>
                  {schedule.paused ? "Resume" : "Pause"}
                </Button>
                {!schedule.when && (
                  <Button size="compact-xs" variant="default" onClick={() => setFills(schedule)}>
                    Backfill
                  </Button>
                )}
              </Group>
            ),
          },
        ]}
      />
      {fills && <BackfillDialog schedule={fills} done={changed} close={() => setFills(null)} />}
    </Stack>
  );
}

function Last({ schedule: { last } }: { schedule: Schedule }) {
  if (!last) return <>–</>;
  return (
    <Group gap="xs">
      <Time at={last.scheduled} />
      <Word of={last.outcome ?? last.state} />
      {last.run && (
        <Anchor component={Link} to={`/pipeline-runs/${last.run}`} ff="monospace" size="sm">
          {last.run}
        </Anchor>
      )}
      {last.late && <Word of={last.late} />}
    </Group>
  );
}

// Asks first how many runs it would be; the second press starts them.
function BackfillDialog({ schedule, done, close }: { schedule: Schedule; done: () => void; close: () => void }) {
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [parallel, setParallel] = useState(1);
  const [plan, setPlan] = useState<Backfill | null>(null);
  const [asks, setAsks] = useState(false);
  const [problem, setProblem] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (asks) return;
    setAsks(true);
    setProblem("");
    try {
      const fill = await api.backfill(schedule, from.trim(), to.trim(), parallel, plan === null);
      if (plan === null) {
        setPlan(fill);
      } else {
        done();
        close();
      }
    } catch (error) {
      setProblem(told(error));
    }
    setAsks(false);
  };
  const edit = (set: (text: string) => void) => (event: { currentTarget: { value: string } }) => {
    set(event.currentTarget.value);
    setPlan(null);
  };
  return (
    <Dialog title={`Backfill ${schedule.name}`} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          <TextInput label="From" placeholder="2026-01-01" required data-autofocus value={from} onChange={edit(setFrom)} />
          <TextInput label="To" placeholder="2026-01-31" required value={to} onChange={edit(setTo)} />
          <TextInput label="At the same time" type="number" min={1} required value={parallel} onChange={edit((text) => setParallel(Number(text)))} />
          {plan && (
            <Text size="sm" role="status">
              {plan.runs} {plan.runs === 1 ? "run" : "runs"}; {plan.done_before} of the range are done or under way.
            </Text>
          )}
          {problem && (
            <Alert color="red" variant="light" role="alert">
              {problem}
            </Alert>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={asks} disabled={plan?.runs === 0}>
              {plan === null ? "Look" : "Start"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
