import { Anchor, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type DataChanges, type StoredRepository } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Fact, Facts, Word } from "../components/words";
import { bytes, number } from "../lib/format";
import { short, versionsOf } from "./repository";

const kChangesShown = 1000;

// What is different between two versions, file by file.
export function Changes({ repository, from, to }: { repository: StoredRepository; from: string; to: string }) {
  const [, setQuery] = useSearchParams();
  const changes = useLive((signal) => api.dataChanges(repository.name, from, to, kChangesShown, signal), `${repository.name} ${from} ${to}`, 30, [`data/${repository.name}`]);
  return (
    <section aria-label="Difference">
      <Title order={2} size="h4" mb="xs">
        What is different
      </Title>
      <Stack gap="md">
        <Group gap="sm" align="flex-end">
          <NativeSelect label="From version" data={versionsOf(repository, from)} value={from} onChange={(event) => setQuery({ from: event.currentTarget.value, to })} />
          <NativeSelect label="To version" data={versionsOf(repository, to)} value={to} onChange={(event) => setQuery({ from, to: event.currentTarget.value })} />
          <Anchor component={Link} size="sm" to={`?from=${encodeURIComponent(to)}&to=${encodeURIComponent(from)}`}>
            the other way round
          </Anchor>
          <Anchor component={Link} size="sm" to={`?ref=${encodeURIComponent(to)}`}>
            files and history
          </Anchor>
        </Group>
        <Loaded from={changes}>{(found) => <Told changes={found} repository={repository.name} />}</Loaded>
      </Stack>
    </section>
  );
}

function Told({ changes, repository }: { changes: DataChanges; repository: string }) {
  const { counts } = changes;
  return (
    <Stack gap="md">
      <Facts>
        <Fact name="Commits">
          {short(changes.from)} → {short(changes.to)}
        </Fact>
        <Fact name="Size">
          {bytes(changes.bytes_before)} → {bytes(changes.bytes_after)}
        </Fact>
        <Fact name="Added">{number(counts.added)}</Fact>
        <Fact name="Removed">{number(counts.removed)}</Fact>
        <Fact name="Changed">{number(counts.changed)}</Fact>
        <Fact name="Moved">{number(counts.moved)}</Fact>
      </Facts>
      {changes.changed === 0 ? <Empty title="The two versions have the same files." /> : <List changes={changes} repository={repository} />}
      {changes.changed > changes.changes.length && (
        <>
          <Text size="sm">
            The first {number(changes.changes.length)} of {number(changes.changed)} by path. All of them, in a clone:
          </Text>
          <Command>{`slipway data diff ${short(changes.from)} ${short(changes.to)}`}</Command>
        </>
      )}
    </Stack>
  );
}

function List({ changes, repository }: { changes: DataChanges; repository: string }) {
  const file = (commit: string, path: string, size: number | undefined) =>
    size === undefined ? (
      "–"
    ) : (
      <Anchor size="sm" href={api.dataFilePath(repository, commit, path)} download={path.split("/").at(-1)} title={`${number(size)} bytes`} aria-label={`${bytes(size)}, ${path} of ${short(commit)}`}>
        {bytes(size)}
      </Anchor>
    );
  return (
    <PlainTable
      name="Changes"
      minWidth={520}
      rows={changes.changes}
      keyOf={({ path }) => path}
      file={{ of: "changed files", call: api.dataChangesPath(repository, changes.from, changes.to, kChangesShown) }}
      columns={[
        {
          title: "File",
          cell: (each) => (
            <>
              {each.path}
              {each.moved_from && <div className="dim">was {each.moved_from}</div>}
            </>
          ),
          kind: "break",
          value: ["file", ({ path }) => path],
          also: [["moved_from", ({ moved_from }) => moved_from]],
        },
        { title: "What", cell: ({ change }) => <Word of={change} />, value: ["change", ({ change }) => change] },
        { title: "Before", cell: (each) => file(changes.from, each.moved_from ?? each.path, each.bytes_before), kind: "figures", value: ["bytes_before", (each) => each.bytes_before] },
        { title: "After", cell: (each) => file(changes.to, each.path, each.bytes_after), kind: "figures", value: ["bytes_after", (each) => each.bytes_after] },
        { title: "More by", cell: (each) => more(grown(each)), kind: "figures", value: ["more_by", grown] },
      ]}
    />
  );
}

const more = (by: number) => (by === 0 ? "0 B" : by > 0 ? `+${bytes(by)}` : `−${bytes(-by)}`);
const grown = (each: DataChanges["changes"][number]) => (each.bytes_after ?? 0) - (each.bytes_before ?? 0);
