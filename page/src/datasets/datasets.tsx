import { Anchor, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type Dataset } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time } from "../components/words";
import { number } from "../lib/format";

export function DatasetsPage() {
  const datasets = useLive(api.datasets, "datasets", 10);
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
    <Table.ScrollContainer minWidth={560}>
      <Table verticalSpacing="xs" aria-label="Datasets">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Dataset</Table.Th>
            <Table.Th>Newest version</Table.Th>
            <Table.Th>Rows</Table.Th>
            <Table.Th>Put aside</Table.Th>
            <Table.Th>Came in</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {datasets.map(({ name, latest }) => (
            <Table.Tr key={name}>
              <Table.Td>
                <Anchor component={Link} to={`/datasets/${encodeURIComponent(name)}`}>
                  {name}
                </Anchor>
              </Table.Td>
              <Table.Td className="figures">{number(latest?.version)}</Table.Td>
              <Table.Td className="figures">{number(latest?.rows)}</Table.Td>
              <Table.Td className="figures">{number(latest?.quarantined)}</Table.Td>
              <Table.Td>
                <Time at={latest?.arrival_time ?? null} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
