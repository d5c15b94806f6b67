import { Anchor, Badge, Code, Group, Table, Text, Title } from "@mantine/core";
import { Link } from "react-router-dom";

import { type ModelSummary, type Overview, useLive } from "../api";
import { Sparkline } from "../parts/Chart";
import { count, time } from "../parts/format";
import { Health } from "../parts/Health";
import { Empty, Loaded } from "../parts/State";

function Row({ model }: { model: ModelSummary }) {
  const newest = model.traffic_per_day.at(-1) ?? 0;
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={`/endpoints/${encodeURIComponent(model.endpoint)}`} fw={600}>
          {model.endpoint}
        </Anchor>
      </Table.Td>
      <Table.Td>
        <Health word={model.health} reason={model.health_reason} />
      </Table.Td>
      <Table.Td>{model.version === null ? "–" : `${model.name} ${model.version}`}</Table.Td>
      <Table.Td>{model.phase}</Table.Td>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          <Sparkline values={model.traffic_per_day} label={`Requests a day: ${model.traffic_per_day.join(", ")}`} />
          <Text size="sm">{count(newest)} a day</Text>
        </Group>
      </Table.Td>
      <Table.Td>
        <Anchor component={Link} to={`/endpoints/${encodeURIComponent(model.endpoint)}/monitoring`}>
          {model.open_alerts > 0 ? <Badge color="red">{model.open_alerts} open</Badge> : "none"}
        </Anchor>
      </Table.Td>
      <Table.Td>{model.owner || "–"}</Table.Td>
      <Table.Td>{time(model.last_release)}</Table.Td>
    </Table.Tr>
  );
}

export function Home() {
  const live = useLive<Overview>("/slipway/v1/overview");
  return (
    <>
      <Title order={2} mb="md">
        Models in production
      </Title>
      <Loaded live={live}>
        {({ models }) =>
          models.length === 0 ? (
            <Empty title="Nothing is in production yet">
              Declare an endpoint in slipway.yaml, then <Code>slipway apply</Code>. The example <Code>./x demo</Code> shows all of it.
            </Empty>
          ) : (
            <Table.ScrollContainer minWidth={860}>
              <Table highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    {["Endpoint", "Health", "Model", "Release", "Traffic", "Alerts", "Owner", "Last release"].map((words) => (
                      <Table.Th key={words}>{words}</Table.Th>
                    ))}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {models.map((model) => (
                    <Row key={model.endpoint} model={model} />
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
