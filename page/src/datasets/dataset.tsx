import { Anchor, Group, NativeSelect, Stack, Table, Text, Title } from "@mantine/core";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type DatasetVersion } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time } from "../components/words";
import { number } from "../lib/format";
import { Difference } from "./difference";
import { Profile } from "./profile";

// Versions of a dataset, and what is different between the two that the address names: `from`, `to`.
export function DatasetPage() {
  const { name = "" } = useParams();
  const dataset = useLive((signal) => api.dataset(name, signal), name, 10);
  return (
    <>
      <Head title={name} trail={[["Datasets", "/datasets"]]} />
      <Loaded from={dataset}>
        {({ versions, definition, latest }) =>
          versions.length === 0 ? (
            <Empty title="Nothing has come in yet.">
              <Command>{`slipway data ingest ${name}`}</Command>
            </Empty>
          ) : (
            <Stack gap="lg">
              <Versions versions={versions} />
              {latest && <Profile name={name} definition={definition} version={latest} columns={latest.profile} violations={latest.violations} call={api.datasetPath(name)} />}
              <Compared name={name} versions={versions} />
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}

function Versions({ versions }: { versions: DatasetVersion[] }) {
  return (
    <Table.ScrollContainer minWidth={620}>
      <Table verticalSpacing="xs" aria-label="Versions">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Version</Table.Th>
            <Table.Th>Rows</Table.Th>
            <Table.Th>Put aside</Table.Th>
            <Table.Th>Came in</Table.Th>
            <Table.Th>Digest</Table.Th>
            <Table.Th>Compared</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {versions.map((each) => (
            <Table.Tr key={each.version}>
              <Table.Td className="figures">{each.version}</Table.Td>
              <Table.Td className="figures">{number(each.rows)}</Table.Td>
              <Table.Td className="figures">{number(each.quarantined)}</Table.Td>
              <Table.Td>
                <Time at={each.arrival_time} />
              </Table.Td>
              <Table.Td title={each.digest}>{each.digest.slice(0, 12)}</Table.Td>
              <Table.Td>
                {each.version > 1 && (
                  <Anchor component={Link} size="sm" to={`?from=${each.version - 1}&to=${each.version}`}>
                    what is new
                  </Anchor>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Compared({ name, versions }: { name: string; versions: DatasetVersion[] }) {
  const [query, setQuery] = useSearchParams();
  const newest = versions[0]?.version ?? 1;
  const to = Number(query.get("to") ?? newest);
  const from = Number(query.get("from") ?? to - 1);
  const choose = (which: "from" | "to", version: string) => setQuery({ from: String(from), to: String(to), [which]: version });
  const numbers = versions.map((each) => String(each.version));
  return (
    <section aria-label="Difference">
      <Title order={2} size="h4" mb="xs">
        What is different
      </Title>
      {newest === 1 ? (
        <Empty title="There is one version: nothing to compare it with.">
          <Text size="sm">Another one comes in with other rows.</Text>
          <Command>{`slipway data ingest ${name}`}</Command>
        </Empty>
      ) : (
        <Stack gap="sm">
          <Group gap="sm">
            <NativeSelect label="From version" data={numbers} value={String(from)} onChange={(event) => choose("from", event.currentTarget.value)} />
            <NativeSelect label="To version" data={numbers} value={String(to)} onChange={(event) => choose("to", event.currentTarget.value)} />
          </Group>
          <Difference name={name} from={from} to={to} />
        </Stack>
      )}
    </section>
  );
}
