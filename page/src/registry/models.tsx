import { Anchor, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type ModelOverview, type RegisteredModel } from "../api";
import { useAddress } from "../components/address";
import { useKept, useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { NameBox } from "../components/name_box";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";

const kShown = 100;
const kShownMax = 1000;

export const modelPath = (name: string, version?: string | number) => `/models/${encodeURIComponent(name)}${version === undefined ? "" : `?version=${version}`}`;

// What was registered. The address says what its names have in them, and how many are shown.
export function ModelsPage() {
  const [query, change] = useAddress();
  const text = query.get("name") ?? "";
  const most = Math.min(Number(query.get("most")) || kShown, kShownMax);
  const found = useKept(useLive(async (signal) => Promise.all([api.modelsNamed(text, most, signal), api.overview(signal)]), `models ${text} ${most}`, 10, ["models", "endpoints"]));
  return (
    <>
      <Head title="Registry" />
      <Stack gap="md">
        <NameBox label="Part of the name" text={text} set={(name) => change({ name, most: "" })} />
        <Loaded from={found}>
          {([{ registered_models = [], next_page_token }, { models }]) =>
            registered_models.length === 0 ? (
              text ? <Empty title="No model has a name like this." /> : <None />
            ) : (
              <>
                <List models={registered_models} served={models} />
                {next_page_token && most < kShownMax && (
                  <Button variant="default" onClick={() => change({ most: String(kShownMax) })}>
                    Show more
                  </Button>
                )}
                {next_page_token && most === kShownMax && (
                  <Text size="sm" c="dimmed">
                    The first {kShownMax} are shown.
                  </Text>
                )}
              </>
            )
          }
        </Loaded>
      </Stack>
    </>
  );
}

function None() {
  return (
    <Empty title="No model was registered yet.">
      <Text size="sm">A run registers one with MLflow's client:</Text>
      <Command>{`export MLFLOW_TRACKING_URI=${location.origin}\nmlflow.sklearn.log_model(model, name="model", registered_model_name="my-model")`}</Command>
    </Empty>
  );
}

const newestOf = ({ latest_versions = [] }: RegisteredModel) => Math.max(0, ...latest_versions.map(({ version }) => Number(version)));

function List({ models, served }: { models: RegisteredModel[]; served: ModelOverview[] }) {
  const rows = models.map((model) => ({ model, newest: newestOf(model), endpoints: served.filter(({ name, version }) => name === model.name && version !== null) }));
  return (
    <PlainTable
      name="Models"
      rows={rows}
      keyOf={({ model }) => model.name}
      file={{ of: "Models", call: "/api/2.0/mlflow/registered-models/search" }}
      columns={[
        {
          title: "Model",
          cell: ({ model }) => (
            <Anchor component={Link} to={modelPath(model.name)} fw={600}>
              {model.name}
            </Anchor>
          ),
          kind: "break",
          value: ["model", ({ model }) => model.name],
        },
        { title: "Newest version", cell: ({ newest }) => newest || "–", kind: "figures", value: ["newest", ({ newest }) => newest || null] },
        {
          title: "Aliases",
          cell: ({ model }) => (
            <Group gap={6}>
              {(model.aliases ?? []).map(({ alias, version }) => (
                <Alias key={alias} name={alias} version={version} />
              ))}
            </Group>
          ),
          value: ["aliases", ({ model }) => (model.aliases ?? []).map(({ alias, version }) => `${alias}=${version}`).join(" ")],
        },
        {
          title: "Answers at",
          cell: ({ endpoints }) =>
            endpoints.map(({ endpoint, version }) => (
              <Anchor key={endpoint} component={Link} to={`/endpoints/${encodeURIComponent(endpoint)}`} size="sm" display="block">
                {endpoint}: {version}
              </Anchor>
            )),
          value: ["answers at", ({ endpoints }) => endpoints.map(({ endpoint, version }) => `${endpoint}=${version}`).join(" ")],
        },
        { title: "Changed", cell: ({ model }) => <Time at={model.last_updated_timestamp ?? null} />, value: ["changed", ({ model }) => model.last_updated_timestamp] },
        { title: "Description", cell: ({ model }) => (model.description ?? "").split("\n")[0] || "–", kind: "break", value: ["description", ({ model }) => model.description] },
      ]}
    />
  );
}

export function Alias({ name, version }: { name: string; version?: string | number | null }) {
  return (
    <Badge variant="outline" color="gray" className="word">
      @{name}
      {version !== undefined && ` → ${version ?? "nothing"}`}
    </Badge>
  );
}
