import { Anchor, Badge, Button, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { Link, useLocation, useNavigationType, useSearchParams } from "react-router";
import { api, type ModelOverview, type RegisteredModel } from "../api";
import { useKept, useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { useSettled } from "../components/settled";
import { Command, Head, Time } from "../components/words";

const kShown = 100;
const kShownMax = 1000;
const kPauseMs = 250; // after a letter, before the server is asked

export const modelPath = (name: string, version?: string | number) => `/models/${encodeURIComponent(name)}${version === undefined ? "" : `?version=${version}`}`;

// What was registered. The address says what its names have in them, and how many are shown.
export function ModelsPage() {
  const [query, setQuery] = useSearchParams();
  const text = query.get("name") ?? "";
  const most = Math.min(Number(query.get("most")) || kShown, kShownMax);
  const found = useKept(useLive(async (signal) => Promise.all([api.modelsNamed(text, most, signal), api.overview(signal)]), `models ${text} ${most}`, 10));
  return (
    <>
      <Head title="Registry" />
      <Stack gap="md">
        <NameBox text={text} set={(name) => setQuery(name ? { name } : {}, { replace: true })} />
        <Loaded from={found}>
          {([{ registered_models = [], next_page_token }, { models }]) =>
            registered_models.length === 0 ? (
              text ? <Empty title="No model has a name like this." /> : <None />
            ) : (
              <>
                <List models={registered_models} served={models} />
                {next_page_token && most < kShownMax && (
                  <Button variant="default" onClick={() => setQuery({ ...Object.fromEntries(query), most: String(kShownMax) })}>
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

// What is typed goes into the address when it has stayed for a moment. What came into the address another way is what was typed.
function NameBox({ text, set }: { text: string; set: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const { key } = useLocation();
  const how = useNavigationType();
  useEffect(() => {
    if (how !== "REPLACE") setTyped(text);
  }, [key]);
  const settled = useSettled(typed, kPauseMs);
  useEffect(() => {
    if (settled !== text) set(settled);
  }, [settled]);
  return <TextInput aria-label="Name has in it" placeholder="Name has in it" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} maw={360} />;
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
  const numbers = () =>
    rows.map(({ model, newest, endpoints }) => [
      model.name,
      newest || "",
      (model.aliases ?? []).map(({ alias, version }) => `${alias}=${version}`).join(" "),
      endpoints.map(({ endpoint, version }) => `${endpoint}=${version}`).join(" "),
      model.description ?? "",
    ]);
  return (
    <div>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="xs" aria-label="Models">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Model</Table.Th>
              <Table.Th>Newest</Table.Th>
              <Table.Th>Aliases</Table.Th>
              <Table.Th>Answers at</Table.Th>
              <Table.Th>Changed</Table.Th>
              <Table.Th>Description</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map(({ model, newest, endpoints }) => (
              <Table.Tr key={model.name}>
                <Table.Td className="break">
                  <Anchor component={Link} to={modelPath(model.name)} fw={600}>
                    {model.name}
                  </Anchor>
                </Table.Td>
                <Table.Td className="figures">{newest || "–"}</Table.Td>
                <Table.Td>
                  <Group gap={6}>
                    {(model.aliases ?? []).map(({ alias, version }) => (
                      <Alias key={alias} name={alias} version={version} />
                    ))}
                  </Group>
                </Table.Td>
                <Table.Td>
                  {endpoints.map(({ endpoint, version }) => (
                    <Anchor key={endpoint} component={Link} to={`/endpoints/${encodeURIComponent(endpoint)}`} size="sm" display="block">
                      {endpoint}: {version}
                    </Anchor>
                  ))}
                </Table.Td>
                <Table.Td>
                  <Time at={model.last_updated_timestamp ?? null} />
                </Table.Td>
                <Table.Td className="break">{(model.description ?? "").split("\n")[0]}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Numbers of="Models" names={["model", "newest", "aliases", "answers at", "description"]} rows={numbers} call="/api/2.0/mlflow/registered-models/search" />
    </div>
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
