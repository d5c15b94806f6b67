import { Anchor, Code, Group, NativeSelect, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "react-router";
import { api, type HealthWord, type ModelOverview, type VersionCost } from "../api";
import { useAddress } from "../components/address";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { NameBox } from "../components/name_box";
import { type Column, PlainTable } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";
import { WeekCost } from "../cost/cost";
import { type Spent, weekOf } from "../lib/costs";
import { StepIcon } from "../pipelines/step_icon";
import { Sparkline } from "./sparkline";
import { has, readable } from "../lib/format";

export function HomePage() {
  const overview = useLive(api.overview, "overview", 3, ["projects", "endpoints", "monitors", "silences", "maintenance"]);
  const costs = useLive(api.allCosts, "costs", 30);
  return (
    <>
      <Head title="Models in production" />
      <Loaded from={overview}>
        {(data) => (data.models.length === 0 ? <NoModels /> : <Filtered models={data.models} costs={costs.data ?? []} />)}
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

interface Served {
  model: ModelOverview;
  week: Spent | undefined;
}

const kHealthOrder = ["alert", "watch", "unknown", "healthy"];

const kFiltersFrom = 2; // models

// By name, owner and health, as the address says.
function Filtered({ models, costs }: { models: ModelOverview[]; costs: VersionCost[] }) {
  const [query, change] = useAddress();
  const [name, owner, health] = ["name", "owner", "health"].map((each) => query.get(each) ?? "") as [string, string, string];
  const owners = [...new Set(models.map((model) => model.owner).filter(Boolean))].sort();
  const count = (of: string) => models.filter((model) => model.health === of).length;
  const shown = models.filter((model) => (has(model.name, name) || has(model.endpoint, name)) && (!owner || model.owner === owner) && (!health || model.health === health));
  return (
    <Stack gap="md">
      {(models.length >= kFiltersFrom || name || owner || health) && (
        <Group gap="sm">
          <NameBox label="Part of the name" text={name} set={(value) => change({ name: value })} />
          <NativeSelect aria-label="Health" value={health} onChange={(event) => change({ health: event.currentTarget.value })} data={[{ value: "", label: "Any health" }, ...kHealthOrder.map((value) => ({ value, label: `${value} (${count(value)})` }))]} />
          {(owners.length > 1 || owner) && <NativeSelect aria-label="Owner" value={owner} onChange={(event) => change({ owner: event.currentTarget.value })} data={[{ value: "", label: "Any owner" }, ...owners]} />}
        </Group>
      )}
      <Models models={shown} costs={costs} />
    </Stack>
  );
}

// On a narrow screen the first column has what the others would.
function Models({ models, costs }: { models: ModelOverview[]; costs: VersionCost[] }) {
  const isNarrow = useMediaQuery("(max-width: 48em)") ?? false;
  const others: Column<Served>[] = [
    { title: "Owner", cell: ({ model }) => model.owner || "–", value: ["owner", ({ model }) => model.owner] },
    { title: "Version", cell: ({ model }) => <Version model={model} />, value: ["version", ({ model }) => model.version] },
    { title: "Requests per day", cell: ({ model }) => <Sparkline values={model.traffic_per_day} />, value: ["requests_per_day", ({ model }) => model.traffic_per_day.at(-1)] },
    { title: "Open alerts", cell: ({ model }) => <OpenAlerts model={model} />, value: ["open_alerts", ({ model }) => model.open_alerts] },
    { title: "Cost per week", cell: ({ week }) => <WeekCost week={week} />, kind: "figures", value: ["cost_per_week", ({ week }) => week?.cost], also: [["currency", ({ week }) => week?.currency], ["cpu_seconds_per_week", ({ week }) => week?.cpuSeconds]], sortBy: ({ week }) => week?.cost ?? week?.cpuSeconds },
    { title: "Last release", cell: ({ model }) => <Time at={model.last_release} />, value: ["last_release", ({ model }) => model.last_release] },
  ];
  return (
    <PlainTable
      name="Models in production"
      minWidth={isNarrow ? 0 : 900}
      none="No model is like this."
      rows={models.map((model) => ({ model, week: weekOf(model, costs.filter(({ endpoint }) => endpoint === model.endpoint)) }))}
      keyOf={({ model }) => model.endpoint}
      file={{ of: "models in production", call: api.overviewPath }}
      columns={[
        { title: "Model", cell: ({ model }) => <Name model={model} isNarrow={isNarrow} />, value: ["endpoint", ({ model }) => model.endpoint], also: [["model", ({ model }) => model.name]] },
        {
          title: "Health",
          cell: ({ model }) => (
            <>
              <Health of={model.health} />
              <Text size="xs" c="dimmed" mt={4} className="break">
                {readable(model.health_reason)}
              </Text>
            </>
          ),
          maxWidth: 340,
          value: ["health", ({ model }) => model.health],
          also: [["health_reason", ({ model }) => model.health_reason]],
          sortBy: ({ model }) => kHealthOrder.indexOf(model.health),
        },
        ...others.map((column) => ({ ...column, isOnlyInFile: isNarrow })),
      ]}
    />
  );
}

const endpointPath = ({ endpoint }: ModelOverview) => `/endpoints/${encodeURIComponent(endpoint)}`;

function Version({ model }: { model: ModelOverview }) {
  return (
    <Group gap={6} wrap="nowrap">
      {model.version ?? "–"}
      {model.phase !== "steady" && <Word of={model.phase} />}
    </Group>
  );
}

function OpenAlerts({ model }: { model: ModelOverview }) {
  if (model.open_alerts === 0) return <>none</>;
  return (
    <Anchor component={Link} to={`${endpointPath(model)}/monitoring`} fw={600} className="nowrap bad">
      {model.open_alerts} open
    </Anchor>
  );
}

function Name({ model, isNarrow }: { model: ModelOverview; isNarrow: boolean }) {
  return (
    <>
      <Anchor component={Link} to={endpointPath(model)} fw={600}>
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
          <Group gap={4}>
            version <Version model={model} />
          </Group>
          alerts: <OpenAlerts model={model} />
          <Sparkline values={model.traffic_per_day} />
        </Text>
      )}
    </>
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
