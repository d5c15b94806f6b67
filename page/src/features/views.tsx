// Feature views: what there is, how fresh it is, and who reads it.
import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type Endpoint, type FeatureDefinitions } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { consumersOf } from "../lib/consumers";
import { age, number, plural } from "../lib/format";

export interface FeatureFacts {
  definitions: FeatureDefinitions;
  endpoints: Endpoint[];
}

export async function loadFeatures(signal: AbortSignal): Promise<FeatureFacts> {
  const [definitions, endpoints] = await Promise.all([api.features(signal), api.endpoints(signal)]);
  return { definitions, endpoints };
}

export function FeatureViewsPage() {
  const facts = useLive(loadFeatures, "features", 10, ["projects", "features", "datasets", "endpoints"]);
  return (
    <>
      <Head title="Feature views" trail={[["Datasets", "/datasets"]]} />
      <Loaded from={facts}>{(found) => (found.definitions.views.length === 0 ? <None /> : <List {...found} />)}</Loaded>
    </>
  );
}

function None() {
  return (
    <Empty title="No feature view is declared yet.">
      <Text size="sm">Views are declared under `features:` in slipway.yaml, over the rows of a dataset.</Text>
      <Command>slipway apply slipway.yaml</Command>
    </Empty>
  );
}

function List({ definitions, endpoints }: FeatureFacts) {
  const rows = definitions.views.map((view) => ({
    ...view,
    dataset: definitions.sources.find(({ name }) => name === view.source)?.dataset,
    readers: consumersOf(view, definitions, endpoints),
  }));
  return (
    <PlainTable
      name="Feature views"
      minWidth={720}
      columns={[
        {
          title: "View",
          kind: "break",
          cell: (view) => (
            <>
              <Anchor component={Link} to={`/features/${encodeURIComponent(view.name)}`}>
                {view.name}
              </Anchor>
              {view.description && (
                <Text size="xs" c="dimmed">
                  {view.description}
                </Text>
              )}
            </>
          ),
          value: ["view", (view) => view.name],
        },
        { title: "Keys", kind: "break", cell: (view) => view.keys.join(", ") || "–", value: ["keys", (view) => view.keys.join(" ")] },
        { title: "Features", kind: "figures", cell: (view) => number(view.features.length), value: ["features", (view) => view.features.length] },
        {
          title: "From",
          kind: "break",
          cell: (view) =>
            view.dataset ? (
              <Anchor component={Link} to={`/datasets/${encodeURIComponent(view.dataset)}`}>
                {view.dataset}
              </Anchor>
            ) : (
              "computed when asked"
            ),
          value: ["dataset", (view) => view.dataset],
        },
        { title: "Newest row", cell: (view) => <Time at={view.newest} />, value: ["newest", (view) => view.newest] },
        { title: "Age", kind: "nowrap", cell: (view) => age(view.age_seconds), value: ["age in seconds", (view) => view.age_seconds] },
        {
          title: "Read by",
          kind: "break",
          cell: ({ readers }) => (readers.services.length === 0 ? "nobody" : `${plural(readers.services.length, "service")}, ${plural(readers.endpoints.length, "endpoint")}`),
          value: ["endpoints", ({ readers }) => readers.endpoints.map((each) => each.name).join(" ")],
        },
      ]}
      rows={rows}
      keyOf={(view) => view.name}
      file={{ of: "Feature views", call: api.featuresPath }}
    />
  );
}
