import { Anchor, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { api } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time } from "../components/words";

export function ExperimentsPage() {
  const experiments = useLive(api.experiments, "experiments", 5);
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
            <Table.ScrollContainer minWidth={420}>
              <Table verticalSpacing="xs" aria-label="Experiments">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Name</Table.Th>
                    <Table.Th>Made</Table.Th>
                    <Table.Th>Last changed</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.map((experiment) => (
                    <Table.Tr key={experiment.experiment_id}>
                      <Table.Td>
                        <Anchor component={Link} to={`/experiments/${encodeURIComponent(experiment.experiment_id)}`} fw={600}>
                          {experiment.name}
                        </Anchor>
                      </Table.Td>
                      <Table.Td>
                        <Time at={experiment.creation_time} />
                      </Table.Td>
                      <Table.Td>
                        <Time at={experiment.last_update_time} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Loaded>
    </>
  );
}
