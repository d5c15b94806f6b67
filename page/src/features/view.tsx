// One feature view: its features, and everything that reads them.
import { Anchor, Stack, Text, Title } from "@mantine/core";
import { Link, useParams } from "react-router";
import { api } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Fact, Facts, Head, Time, Word } from "../components/words";
import { columnOf, consumersOf } from "../lib/consumers";
import { age } from "../lib/format";
import { type FeatureFacts, loadFeatures } from "./views";

export function FeatureViewPage() {
  const { name = "" } = useParams();
  const facts = useLive(loadFeatures, "features", 10, ["projects", "features", "datasets", "endpoints"]);
  return (
    <>
      <Head
        title={name}
        trail={[
          ["Datasets", "/datasets"],
          ["Feature views", "/features"],
        ]}
      />
      <Loaded from={facts}>{(found) => <View name={name} {...found} />}</Loaded>
    </>
  );
}

function View({ name, definitions, endpoints }: FeatureFacts & { name: string }) {
  const view = definitions.views.find((each) => each.name === name);
  if (!view) return <Empty title={`No feature view is called ${name}.`} />;
  const { services, endpoints: readers } = consumersOf(view, definitions, endpoints);
  const dataset = definitions.sources.find((source) => source.name === view.source)?.dataset;
  const models = readers.flatMap((endpoint) => endpoint.models.map((model) => ({ ...model, endpoint: endpoint.name })));
  const file = (of: string) => ({ of: `${of} of ${name}`, call: api.featuresPath });
  return (
    <Stack gap="lg">
      {view.description && <Text size="sm">{view.description}</Text>}
      <Facts>
        <Fact name="Keys">{view.keys.join(", ") || "–"}</Fact>
        <Fact name="From">
          {dataset ? (
            <Anchor component={Link} to={`/datasets/${encodeURIComponent(dataset)}`}>
              {dataset}
            </Anchor>
          ) : (
            "computed when asked"
          )}
        </Fact>
        <Fact name="Newest row">
          <Time at={view.newest} />
        </Fact>
        <Fact name="Age">{age(view.age_seconds)}</Fact>
        {view.owner && <Fact name="Owner">{view.owner}</Fact>}
      </Facts>
      <section aria-label="Readers">
        <Title order={2} size="h4" mb="xs">
          Who reads it
        </Title>
        <Stack gap="md">
          <PlainTable
            name="Services that give it"
            minWidth={420}
            columns={[
              { title: "Service", cell: (service) => <b>{service.name}</b>, value: ["service", (service) => service.name] },
              { title: "Version", kind: "figures", cell: (service) => service.version || "–", value: ["version", (service) => service.version] },
              { title: "Features of the view", kind: "break", cell: (service) => service.features.map((feature) => columnOf(view, feature)).join(", "), value: ["features", (service) => service.features.join(" ")] },
            ]}
            rows={services}
            keyOf={(service) => service.name}
            none="No feature service gives a feature of this view."
            file={file("Services")}
          />
          <PlainTable
            name="Endpoints that are given it"
            minWidth={420}
            columns={[
              {
                title: "Endpoint",
                cell: (endpoint) => (
                  <Anchor component={Link} to={`/endpoints/${encodeURIComponent(endpoint.name)}`}>
                    {endpoint.name}
                  </Anchor>
                ),
                value: ["endpoint", (endpoint) => endpoint.name],
              },
              { title: "Service", cell: (endpoint) => endpoint.service, value: ["service", (endpoint) => endpoint.service] },
              { title: "Release", cell: (endpoint) => <Word of={endpoint.phase} />, value: ["release", (endpoint) => endpoint.phase] },
              {
                title: "Served and recomputed",
                kind: "nowrap",
                cell: (endpoint) => (
                  <Anchor component={Link} to={`/endpoints/${encodeURIComponent(endpoint.name)}/features`}>
                    skew and distributions
                  </Anchor>
                ),
              },
            ]}
            rows={readers}
            keyOf={(endpoint) => endpoint.name}
            none="No endpoint is given a feature of this view."
            file={file("Endpoints")}
          />
          <PlainTable
            name="Models that answer with it"
            minWidth={420}
            columns={[
              {
                title: "Model version",
                cell: ({ model, version }) => (
                  <Anchor component={Link} to={`/models/${encodeURIComponent(model)}?version=${version}`}>
                    {model} {version}
                  </Anchor>
                ),
                value: ["model version", ({ model, version }) => `models:/${model}/${version}`],
              },
              { title: "Endpoint", cell: ({ endpoint }) => endpoint, value: ["endpoint", ({ endpoint }) => endpoint] },
              { title: "Role", cell: ({ role }) => role, value: ["as", ({ role }) => role] },
              {
                title: "Lineage",
                kind: "nowrap",
                cell: ({ model, version }) => (
                  <Anchor component={Link} to={`/lineage?of=${encodeURIComponent(`models:/${model}/${version}`)}`}>
                    from data to predictions
                  </Anchor>
                ),
              },
            ]}
            rows={models}
            keyOf={({ model, version, endpoint, role }) => `${model} ${version} ${endpoint} ${role}`}
            none="No model answers with a feature of this view."
            file={file("Models")}
          />
        </Stack>
      </section>
      <section aria-label="Features">
        <Title order={2} size="h4" mb="xs">
          Its features
        </Title>
        <PlainTable
          name="Features"
          minWidth={420}
          columns={[
            { title: "Feature", kind: "break", cell: (feature) => <b>{columnOf(view, feature)}</b>, value: ["feature", (feature) => feature] },
            { title: "Type", cell: (feature) => view.outputs.find((output) => output.name === feature)?.type ?? "–", value: ["type", (feature) => view.outputs.find((output) => output.name === feature)?.type] },
            {
              title: "Services",
              kind: "break",
              cell: (feature) =>
                services
                  .filter((service) => service.features.includes(feature))
                  .map((service) => service.name)
                  .join(", ") || "nobody",
            },
            {
              title: "Lineage",
              kind: "nowrap",
              cell: (feature) => (
                <Anchor component={Link} to={`/lineage?of=${encodeURIComponent(`feature:${feature}`)}`}>
                  from data to models
                </Anchor>
              ),
            },
          ]}
          rows={view.features}
          keyOf={(feature) => feature}
          none="It has none."
          file={file("Features")}
        />
      </section>
    </Stack>
  );
}
