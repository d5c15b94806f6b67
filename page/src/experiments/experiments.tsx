import { Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { api } from "../api";
import { useAddress } from "../components/address";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { NameBox } from "../components/name_box";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { has } from "../lib/format";

export function ExperimentsPage() {
  const experiments = useLive(api.experiments, "experiments", 5, ["experiments", "runs"]);
  const [query, change] = useAddress();
  const text = query.get("name") ?? "";
  return (
    <>
      <Head title="Experiments" />
      <Loaded from={experiments}>
        {(data) =>
          data.length === 0 ? (
            <Empty title="There is no experiment.">
              <Text size="sm">The first run that is logged makes one:</Text>
              <Command>{`export MLFLOW_TRACKING_URI=${location.origin}`}</Command>
            </Empty>
          ) : (
            <Stack gap="md">
            <NameBox label="Part of the name" text={text} set={(name) => change({ name })} />
            <PlainTable
              name="Experiments"
              minWidth={420}
              rows={data.filter(({ name }) => has(name, text))}
              none={text ? `No experiment has a name like ${text}.` : ""}
              keyOf={(experiment) => experiment.experiment_id}
              columns={[
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
