import { Anchor, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type DataRef, type DataRepository } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time } from "../components/words";
import { number, plural } from "../lib/format";

// Folders whose versions were pushed here.
export function RepositoriesPage() {
  const repositories = useLive(api.repositories, "repositories", 10);
  return (
    <>
      <Head title="Folders of data" />
      <Loaded from={repositories}>{(found) => (found.length === 0 ? <None /> : <List repositories={found} />)}</Loaded>
    </>
  );
}

function None() {
  return (
    <Empty title="No folder was pushed yet.">
      <Text size="sm">A folder of files becomes versions, and its versions come here, with:</Text>
      <Command>{`export SLIPWAY_URL=${location.origin}\nslipway data init\nslipway data add .\nslipway data commit -m "what these files are"\nslipway data push`}</Command>
    </Empty>
  );
}

const newest = (refs: DataRef[]): DataRef | undefined => [...refs].sort((a, b) => b.moved.localeCompare(a.moved))[0];

function List({ repositories }: { repositories: DataRepository[] }) {
  return (
    <Table.ScrollContainer minWidth={560}>
      <Table verticalSpacing="xs" aria-label="Folders">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Folder</Table.Th>
            <Table.Th>Branches</Table.Th>
            <Table.Th>Tags</Table.Th>
            <Table.Th>Last pushed</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {repositories.map(({ name, refs }) => (
            <Table.Tr key={name}>
              <Table.Td>
                <Anchor component={Link} to={`/data/${encodeURIComponent(name)}`}>
                  {name}
                </Anchor>
              </Table.Td>
              <Table.Td className="figures">{number(refs.filter(({ kind }) => kind === "branch").length)}</Table.Td>
              <Table.Td className="figures">{number(refs.filter(({ kind }) => kind === "tag").length)}</Table.Td>
              <Table.Td>
                <LastPushed of={newest(refs)} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="sm" c="dimmed" mt="xs">
        {plural(repositories.length, "folder")}
      </Text>
    </Table.ScrollContainer>
  );
}

function LastPushed({ of }: { of: DataRef | undefined }) {
  if (!of) return <>–</>;
  return (
    <>
      <Time at={of.moved} />, {of.name}
      {of.by && ` by ${of.by}`}
    </>
  );
}
