import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { api } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";

export function ExperimentsPage() {
  const experiments = useLive(api.experiments, "experiments", 5, ["experiments", "runs"]);
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
            <PlainTable
              name="Experiments"
              minWidth={420}
              rows={data}
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
              file={{ of: "Experiments" }}
            />
          )
        }
      </Loaded>
    </>
  );
}
