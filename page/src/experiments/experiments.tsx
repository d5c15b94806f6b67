import { Anchor, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { api } from "../api";
import { useAddress } from "../components/address";
import { Bulk, Choose } from "../components/bulk";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { NameBox } from "../components/name_box";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { has } from "../lib/format";

const kShown = [
  { value: "", label: "In use" },
  { value: "deleted", label: "Deleted" },
];

export function ExperimentsPage() {
  const [query, change] = useAddress();
  const isDeleted = query.get("show") === "deleted";
  const experiments = useLive((signal) => api.experimentsSeen(isDeleted ? "DELETED_ONLY" : "ACTIVE_ONLY", signal), `experiments ${isDeleted}`, 5, ["experiments", "runs"]);
  const [chosen, choose] = useState<string[]>([]);
  const text = query.get("name") ?? "";
  return (
    <>
      <Head title="Experiments">
        <SegmentedControl
          aria-label="Which experiments"
          data={kShown}
          value={isDeleted ? "deleted" : ""}
          onChange={(show) => {
            choose([]);
            change({ show });
          }}
        />
      </Head>
      <Loaded from={experiments}>
        {(data) =>
          data.length === 0 && isDeleted ? (
            <Empty title="No experiment is deleted." />
          ) : data.length === 0 ? (
            <Empty title="There is no experiment.">
              <Text size="sm">The first run that is logged makes one:</Text>
              <Command>{`export MLFLOW_TRACKING_URI=${location.origin}`}</Command>
            </Empty>
          ) : (
            <Stack gap="md">
            <Group align="flex-end" gap="sm">
              <NameBox label="Part of the name" text={text} set={(name) => change({ name })} />
              <Bulk
                verb={isDeleted ? "Restore" : "Delete"}
                noun="experiment"
                chosen={data.filter(({ experiment_id }) => chosen.includes(experiment_id)).map(({ experiment_id, name }) => ({ id: experiment_id, name }))}
                act={isDeleted ? api.restoreExperiment : api.deleteExperiment}
                changed={(ids) => {
                  choose(chosen.filter((id) => !ids.includes(id)));
                  experiments.reload();
                }}
                words={isDeleted ? "With their runs they are as they were." : "With their runs they leave lists and searches, and can be restored under Deleted until the server takes them away for good."}
              />
            </Group>
            <PlainTable
              name="Experiments"
              minWidth={420}
              rows={data.filter(({ name }) => has(name, text))}
              none={text ? `No experiment has a name like ${text}.` : ""}
              keyOf={(experiment) => experiment.experiment_id}
              columns={[
                { title: "Choose", cell: ({ name, experiment_id }) => <Choose name={name} id={experiment_id} chosen={chosen} set={choose} /> },
                {
                  title: "Name",
                  cell: (experiment) => (
                    <Anchor component={Link} to={`/experiments/${encodeURIComponent(experiment.experiment_id)}`} fw={600}>
                      {experiment.name}
                    </Anchor>
                  ),
                  value: ["name", (experiment) => experiment.name],
                  also: [["experiment_id", (experiment) => experiment.experiment_id]],
                },
                { title: "Made", cell: (experiment) => <Time at={experiment.creation_time} />, value: ["made", (experiment) => new Date(experiment.creation_time).toISOString()] },
                { title: "Last changed", cell: (experiment) => <Time at={experiment.last_update_time} />, value: ["last changed", (experiment) => new Date(experiment.last_update_time).toISOString()] },
              ]}
              file={{ of: "Experiments", call: api.experimentsCall }}
            />
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}
