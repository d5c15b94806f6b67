import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type Dataset } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { number } from "../lib/format";

export function DatasetsPage() {
  const datasets = useLive(api.datasets, "datasets", 10, ["datasets"]);
  return (
    <>
      <Head title="Datasets">
        <Anchor component={Link} to="/features">
          Feature views
        </Anchor>
      </Head>
      <Loaded from={datasets}>{(found) => (found.length === 0 ? <None /> : <List datasets={found} />)}</Loaded>
    </>
  );
}

function None() {
  return (
    <Empty title="No dataset is declared yet.">
      <Text size="sm">Datasets are declared under `datasets:` in slipway.yaml.</Text>
      <Command>slipway apply slipway.yaml</Command>
    </Empty>
  );
}

function List({ datasets }: { datasets: Dataset[] }) {
  return (
    <PlainTable
      name="Datasets"
      minWidth={560}
      rows={datasets}
      keyOf={({ name }) => name}
      columns={[
        {
          title: "Dataset",
          cell: ({ name }) => (
            <Anchor component={Link} to={`/datasets/${encodeURIComponent(name)}`}>
              {name}
            </Anchor>
          ),
          value: ["dataset", ({ name }) => name],
        },
        { title: "Newest version", kind: "figures", cell: ({ latest }) => number(latest?.version), value: ["version", ({ latest }) => latest?.version] },
        { title: "Rows", kind: "figures", cell: ({ latest }) => number(latest?.rows), value: ["rows", ({ latest }) => latest?.rows] },
        { title: "Put aside", kind: "figures", cell: ({ latest }) => number(latest?.quarantined), value: ["put aside", ({ latest }) => latest?.quarantined] },
        { title: "Came in", cell: ({ latest }) => <Time at={latest?.arrival_time ?? null} />, value: ["came in", ({ latest }) => latest?.arrival_time] },
      ]}
      file={{ of: "Datasets", call: api.datasetsPath }}
    />
  );
}
