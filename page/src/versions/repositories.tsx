import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type DataRef, type DataRepository } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { number, plural } from "../lib/format";

// Folders whose versions were pushed here.
export function RepositoriesPage() {
  const repositories = useLive(api.repositories, "repositories", 10, ["data"]);
  return (
    <>
      <Head title="Folders" />
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

const count = (refs: DataRef[], wanted: DataRef["kind"]) => refs.filter(({ kind }) => kind === wanted).length;
const newest = (refs: DataRef[]): DataRef | undefined => [...refs].sort((a, b) => b.moved.localeCompare(a.moved))[0];

function List({ repositories }: { repositories: DataRepository[] }) {
  return (
    <>
      <PlainTable
        name="Folders"
        minWidth={560}
        rows={repositories}
        keyOf={({ name }) => name}
        columns={[
          {
            title: "Folder",
            cell: ({ name }) => (
              <Anchor component={Link} to={`/data/${encodeURIComponent(name)}`}>
                {name}
              </Anchor>
            ),
            value: ["folder", ({ name }) => name],
          },
          { title: "Branches", kind: "figures", cell: ({ refs }) => number(count(refs, "branch")), value: ["branches", ({ refs }) => count(refs, "branch")] },
          { title: "Tags", kind: "figures", cell: ({ refs }) => number(count(refs, "tag")), value: ["tags", ({ refs }) => count(refs, "tag")] },
          { title: "Last pushed", cell: ({ refs }) => <LastPushed of={newest(refs)} />, value: ["last pushed", ({ refs }) => newest(refs)?.moved] },
        ]}
        file={{ of: "Folders", call: api.repositoriesPath }}
      />
      <Text size="sm" c="dimmed" mt="xs">
        {plural(repositories.length, "folder")}
      </Text>
    </>
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
