// What people say of an experiment, and what was deleted from it.
import { Anchor, SimpleGrid, Stack } from "@mantine/core";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import { api, type Experiment, kNote } from "../api";
import { Bulk, Choose } from "../components/bulk";
import { Description, Tags } from "../components/editor";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Time } from "../components/words";

const kAgainSeconds = 15;

// Folded away, since a screen of runs is about its runs.
export function AboutExperiment({ experiment, changed }: { experiment: Experiment; changed: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const note = experiment.tags?.find(({ key }) => key === kNote)?.value ?? "";
  const summary = note.split("\n").find((line) => line.trim())?.replace(/^#+ /, "");
  return (
    <details className="about" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>About the experiment{summary && `: ${summary}`}</summary>
      {isOpen && <About experiment={experiment} note={note} changed={changed} />}
    </details>
  );
}

function About({ experiment, note, changed }: { experiment: Experiment; note: string; changed: () => void }) {
  const id = experiment.experiment_id;
  const edit = useMemo(() => api.experimentEdits(id), [id]);
  const tags = useMemo(() => (experiment.tags ?? []).filter(({ key }) => key !== kNote), [experiment.tags]);
  const [chosen, choose] = useState<string[]>([]);
  const deleted = useLive((signal) => api.deletedRuns(id, signal), id, kAgainSeconds, [`experiments/${id}`, "runs"]);
  return (
    <Stack gap="md" my="sm">
      <Description of="the experiment" text={note} edit={edit} changed={changed} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Tags title="Tags of the experiment" pairs={tags} call={api.experimentPath(id)} edit={edit} changed={changed} />
        <section aria-label="Deleted runs">
          <Loaded from={deleted}>
            {(runs) => (
              <Stack gap="xs" align="flex-start">
              {runs.length > 0 && (
                <Bulk
                  verb="Restore"
                  noun="run"
                  chosen={runs.filter(({ info }) => chosen.includes(info.run_id)).map(({ info }) => ({ id: info.run_id, name: info.run_name || info.run_id }))}
                  act={api.restoreRun}
                  changed={(ids) => {
                    choose(chosen.filter((run) => !ids.includes(run)));
                    deleted.reload();
                  }}
                  words="They are in tables and searches again."
                />
              )}
              <PlainTable
                name="Deleted runs"
                none="No run of it is deleted."
                minWidth={300}
                rows={runs}
                keyOf={({ info }) => info.run_id}
                file={{ of: "deleted runs", call: api.deletedRunsCall(id) }}
                columns={[
                  { title: "Choose", cell: ({ info }) => <Choose name={info.run_name || info.run_id} id={info.run_id} chosen={chosen} set={choose} /> },
                  {
                    title: "Deleted run",
                    cell: ({ info }) => (
                      <Anchor component={Link} size="sm" to={`/runs/${info.run_id}`}>
                        {info.run_name || info.run_id}
                      </Anchor>
                    ),
                    value: ["run", ({ info }) => info.run_name],
                    also: [["run_id", ({ info }) => info.run_id]],
                  },
                  { title: "Started", cell: ({ info }) => <Time at={info.start_time} />, value: ["started", ({ info }) => info.start_time] },
                ]}
              />
              </Stack>
            )}
          </Loaded>
        </section>
      </SimpleGrid>
    </Stack>
  );
}
