import { Anchor, Code, Group, Table, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "react-router";
import { api, type HealthWord, type ModelOverview, type VersionCost } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time, Word } from "../components/words";
import { WeekCost } from "../cost/cost";
import { type Week, weekOf } from "../lib/costs";
import { StepIcon } from "../pipelines/step_icon";
import { Sparkline } from "./sparkline";

export function HomePage() {
  const overview = useLive(api.overview, "overview", 3);
  const costs = useLive(api.allCosts, "costs", 10);
  return (
    <>
      <Head title="Models in production" />
      <Loaded from={overview}>
        {(data) => (data.models.length === 0 ? <NoModels /> : <Models models={data.models} costs={costs.data ?? []} />)}
      </Loaded>
    </>
  );
}

// A light that is a shape, too.
const kLights = { healthy: "succeeded", watch: "refused", alert: "failed", unknown: "pending" } as const;

function Health({ of }: { of: HealthWord }) {
  return (
    <Group gap={6} wrap="nowrap">
      <StepIcon of={kLights[of]} size={18} />
      <Word of={of} />
    </Group>
  );
}

// On a narrow screen the first column has what the others would.
function Models({ models, costs }: { models: ModelOverview[]; costs: VersionCost[] }) {
  const isNarrow = useMediaQuery("(max-width: 48em)") ?? false;
  return (
    <Table.ScrollContainer minWidth={isNarrow ? 0 : 900}>
      <Table verticalSpacing="sm" aria-label="Models in production">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Model</Table.Th>
            <Table.Th>Health</Table.Th>
            {!isNarrow && <Table.Th>Owner</Table.Th>}
            {!isNarrow && <Table.Th>Version</Table.Th>}
            {!isNarrow && <Table.Th>Requests per day</Table.Th>}
            {!isNarrow && <Table.Th>Open alerts</Table.Th>}
            {!isNarrow && <Table.Th>Cost per week</Table.Th>}
            {!isNarrow && <Table.Th>Last release</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {models.map((model) => (
            <Row key={model.endpoint} model={model} week={weekOf(model, costs.filter(({ endpoint }) => endpoint === model.endpoint))} isNarrow={isNarrow} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Row({ model, week, isNarrow }: { model: ModelOverview; week: Week | undefined; isNarrow: boolean }) {
  const to = `/endpoints/${encodeURIComponent(model.endpoint)}`;
  const version = (
    <Group gap={6} wrap="nowrap">
      {model.version ?? "–"}
      {model.phase !== "steady" && <Word of={model.phase} />}
    </Group>
  );
  const alerts =
    model.open_alerts === 0 ? (
      "none"
    ) : (
      <Anchor component={Link} to={`${to}/monitoring`} fw={600} className="nowrap bad">
        {model.open_alerts} open
      </Anchor>
    );
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
        {isNarrow && (
          <Text size="xs" component="div">
            {model.owner}
            <Group gap={4}>version {version}</Group>
            alerts: {alerts}
            <Sparkline values={model.traffic_per_day} />
          </Text>
        )}
      </Table.Td>
      <Table.Td maw={340}>
        <Health of={model.health} />
        <Text size="xs" c="dimmed" mt={4} className="break">
          {model.health_reason}
        </Text>
      </Table.Td>
      {!isNarrow && (
        <>
          <Table.Td>{model.owner || "–"}</Table.Td>
          <Table.Td>{version}</Table.Td>
          <Table.Td>
            <Sparkline values={model.traffic_per_day} />
          </Table.Td>
          <Table.Td>{alerts}</Table.Td>
          <Table.Td className="figures">
            <WeekCost week={week} />
          </Table.Td>
          <Table.Td>
            <Time at={model.last_release} />
          </Table.Td>
        </>
      )}
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
