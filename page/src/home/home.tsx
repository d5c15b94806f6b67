import { Anchor, Code, Group, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type ModelOverview } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time, Word } from "../components/words";
import { Sparkline } from "./sparkline";

export function HomePage() {
  const overview = useLive(api.overview, "overview", 3);
  return (
    <>
      <Head title="Models in production" />
      <Loaded from={overview}>
        {(data) => (data.models.length === 0 ? <NoModels /> : <Models models={data.models} />)}
      </Loaded>
    </>
  );
}

function Models({ models }: { models: ModelOverview[] }) {
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table verticalSpacing="sm" aria-label="Models in production">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Model</Table.Th>
            <Table.Th>Health</Table.Th>
            <Table.Th>Owner</Table.Th>
            <Table.Th>Version</Table.Th>
            <Table.Th>Requests per day</Table.Th>
            <Table.Th>Open alerts</Table.Th>
            <Table.Th>Last release</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {models.map((model) => (
            <Row key={model.endpoint} model={model} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ model }: { model: ModelOverview }) {
  const to = `/endpoints/${encodeURIComponent(model.endpoint)}`;
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={to} fw={600}>
          {model.name}
        </Anchor>
        {model.endpoint !== model.name && (
          <Text size="xs" c="dimmed">
            at {model.endpoint}
          </Text>
        )}
      </Table.Td>
      <Table.Td maw={340}>
        <Word of={model.health} />
        <Text size="xs" c="dimmed" mt={4}>
          {model.health_reason}
        </Text>
      </Table.Td>
      <Table.Td>{model.owner || "–"}</Table.Td>
      <Table.Td>
        <Group gap={6} wrap="nowrap">
          {model.version ?? "–"}
          {model.phase !== "steady" && <Word of={model.phase} />}
        </Group>
      </Table.Td>
      <Table.Td>
        <Sparkline values={model.traffic_per_day} />
      </Table.Td>
      <Table.Td>
        {model.open_alerts === 0 ? (
          "none"
        ) : (
          <Anchor component={Link} to={`${to}/monitoring`} c="red" fw={600}>
            {model.open_alerts}
          </Anchor>
        )}
      </Table.Td>
      <Table.Td>
        <Time at={model.last_release} />
      </Table.Td>
    </Table.Tr>
  );
}

function NoModels() {
  return (
    <Empty title="No model is in production yet.">
      <Text size="sm">Log a run from the training code you have:</Text>
      <Command>{`export MLFLOW_TRACKING_URI=${location.origin}`}</Command>
      <Text size="sm">
        Then declare an endpoint in <Code>slipway.yaml</Code>, and put a registered model behind it:
      </Text>
      <Command>{"slipway apply\nslipway endpoints deploy my-endpoint models:/my-model/1"}</Command>
    </Empty>
  );
}
