import { Anchor, Breadcrumbs, Group, Text, Title } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type DataFolder } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { bytes, number } from "../lib/format";

const kEntriesShown = 200;

// A folder of a version, a page of it at a time: `path` and `offset` of the address.
export function Files({ repository, version }: { repository: string; version: string }) {
  const [query] = useSearchParams();
  const path = query.get("path") ?? "";
  const offset = Number(query.get("offset")) || 0;
  const folder = useLive((signal) => api.dataFolder(repository, version, path, offset, kEntriesShown, signal), `${repository} ${version} ${path} ${offset}`, 30, [`data/${repository}`]);
  const at = (to: string, from = 0) => `?${new URLSearchParams({ ref: version, ...(to && { path: to }), ...(from && { offset: String(from) }) })}`;
  const parts = path.split("/").filter(Boolean);
  return (
    <section aria-label="Files">
      <Title order={2} size="h4" mb="xs">
        Files
      </Title>
      {parts.length > 0 && (
        <Breadcrumbs separator="/" mb="xs" className="break">
          {["", ...parts].map((part, index) => {
            const name = part || repository;
            return index === parts.length ? (
              <Text key={index} size="sm" aria-current="page">
                {name}
              </Text>
            ) : (
              <Anchor key={index} component={Link} size="sm" to={at(parts.slice(0, index).join("/"))}>
                {name}
              </Anchor>
            );
          })}
        </Breadcrumbs>
      )}
      <Loaded from={folder}>
        {(found) =>
          found.total === 0 ? (
            <Empty title="There are no files in it." />
          ) : (
            <>
              <Entries folder={found} repository={repository} version={version} at={at} call={api.dataFolderPath(repository, version, path, offset, kEntriesShown)} />
              <Pages offset={offset} total={found.total} to={(from) => at(path, from)} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}

interface EntriesProps {
  folder: DataFolder;
  repository: string;
  version: string;
  at: (path: string) => string;
  call: string; // that gave it
}

function Entries({ folder, repository, version, at, call }: EntriesProps) {
  const below = (name: string) => (folder.path ? `${folder.path}/${name}` : name);
  return (
    <PlainTable
      name="Entries"
      minWidth={320}
      rows={folder.entries}
      keyOf={({ name }) => name}
      file={{ of: `files of ${repository}`, call }}
      columns={[
        {
          title: "Name",
          cell: ({ kind, name }) =>
            kind === "folder" ? (
              <Anchor component={Link} size="sm" to={at(below(name))}>
                {name}/
              </Anchor>
            ) : (
              <Anchor size="sm" href={api.dataFilePath(repository, version, below(name))} download={name}>
                {name}
              </Anchor>
            ),
          kind: "break",
          value: ["name", ({ name }) => name],
        },
        { title: "Kind", cell: ({ kind }) => kind, value: ["what", ({ kind }) => kind] },
        { title: "Size", cell: (each) => bytes(each.bytes), kind: "figures", hint: (each) => (each.bytes === undefined ? undefined : `${number(each.bytes)} bytes`), value: ["bytes", (each) => each.bytes] },
      ]}
    />
  );
}

function Pages({ offset, total, to }: { offset: number; total: number; to: (offset: number) => string }) {
  if (total <= kEntriesShown && offset === 0) return null;
  return (
    <Group gap="sm" component="nav" aria-label="Pages of the folder">
      <Text size="sm">
        {number(Math.min(offset + 1, total))} to {number(Math.min(offset + kEntriesShown, total))} of {number(total)}
      </Text>
      {offset > 0 && (
        <Anchor component={Link} size="sm" to={to(Math.max(0, offset - kEntriesShown))}>
          before
        </Anchor>
      )}
      {offset + kEntriesShown < total && (
        <Anchor component={Link} size="sm" to={to(offset + kEntriesShown)}>
          after
        </Anchor>
      )}
    </Group>
  );
}
