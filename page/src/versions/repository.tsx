import { Anchor, Button, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type DataCommit, type StoredRepository } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Fact, Facts, Head, Time } from "../components/words";
import { bytes, number } from "../lib/format";
import { Changes } from "./changes";
import { Files } from "./files";

const kCommitsShown = 50;
const kCommitsMax = 1000;

export const short = (commit: string) => commit.slice(0, 12);

// A folder's versions. The address says which: `ref` and in it `path`, or the two that are compared, `from` and `to`.
export function RepositoryPage() {
  const { name = "" } = useParams();
  const [query] = useSearchParams();
  const [from, to] = [query.get("from"), query.get("to")];
  const repository = useLive((signal) => api.repository(name, signal), name, 10, [`data/${name}`]);
  return (
    <>
      <Head title={name} trail={[["Folders", "/data"]]} />
      <Loaded from={repository}>
        {(found) =>
          found.refs.length === 0 ? (
            <Empty title="No branch was pushed yet: a first push hasn't ended.">
              <Command>slipway data push</Command>
            </Empty>
          ) : from && to ? (
            <Changes repository={found} from={from} to={to} />
          ) : (
            <Version repository={found} version={query.get("ref") ?? first(found)} />
          )
        }
      </Loaded>
    </>
  );
}

// The branch main, or what there is.
const first = ({ refs }: StoredRepository) => (refs.find(({ name }) => name === "main") ?? refs[0])?.name ?? "main";

// What a select offers: branches and tags, and the commit that is shown, if it has neither's name.
export function versionsOf({ refs }: StoredRepository, shown: string) {
  const named = (kind: string) => refs.filter((ref) => ref.kind === kind).map(({ name }) => name);
  const groups = [
    { group: "Branches", items: named("branch") },
    { group: "Tags", items: named("tag") },
    { group: "Commits", items: refs.some(({ name }) => name === shown) ? [] : [{ value: shown, label: short(shown) }] },
  ];
  return groups.filter(({ items }) => items.length > 0);
}

function Version({ repository, version }: { repository: StoredRepository; version: string }) {
  const [query, setQuery] = useSearchParams();
  const asked = Math.min(Number(query.get("commits")) || kCommitsShown, kCommitsMax);
  const log = useLive((signal) => api.dataLog(repository.name, version, asked, signal), `${repository.name} ${version} ${asked}`, 10, [`data/${repository.name}`]);
  return (
    <Stack gap="lg">
      <Group gap="xl" align="flex-end">
        <NativeSelect label="Version" data={versionsOf(repository, version)} value={version} onChange={(event) => setQuery({ ref: event.currentTarget.value })} />
        <Fact name="Kept here, of all versions">
          {bytes(repository.bytes)} in {number(repository.objects)} objects
        </Fact>
      </Group>
      <Loaded from={log}>
        {(commits) => (
          <Stack gap="lg">
            {commits[0] && <Newest commit={commits[0]} />}
            <Bring repository={repository} version={version} />
            <Files repository={repository.name} version={version} />
            <Log commits={commits} call={api.dataLogPath(repository.name, version, asked)} />
            {commits.length === asked && asked < kCommitsMax && (
              <Button variant="default" style={{ alignSelf: "flex-start" }} onClick={() => setQuery({ ref: version, commits: String(asked + kCommitsShown) })}>
                Earlier commits
              </Button>
            )}
          </Stack>
        )}
      </Loaded>
    </Stack>
  );
}

function Newest({ commit }: { commit: DataCommit }) {
  return (
    <Stack gap="xs">
      <Text fw={600} className="break">
        {commit.message}
      </Text>
      <Facts>
        <Fact name="By">{commit.author}</Fact>
        <Fact name="At">
          <Time at={commit.time} />
        </Fact>
        <Fact name="Files">{number(commit.files)}</Fact>
        <Fact name="Size">{bytes(commit.bytes)}</Fact>
        <Fact name="Commit">
          <span title={commit.commit}>{short(commit.commit)}</span>
        </Fact>
      </Facts>
    </Stack>
  );
}

function Bring({ repository, version }: { repository: StoredRepository; version: string }) {
  return (
    <section aria-label="Bring it here">
      <Text size="sm" mb={4}>
        This version on your machine, as a new folder or in the one that you have:
      </Text>
      <Command>{`slipway --url ${location.origin} data clone ${repository.name} --version ${version}\nslipway data pull && slipway data checkout ${version}`}</Command>
    </section>
  );
}

function Log({ commits, call }: { commits: DataCommit[]; call: string }) {
  return (
    <section aria-label="History">
      <Title order={2} size="h4" mb="xs">
        History
      </Title>
      <PlainTable
        name="Commits"
        minWidth={680}
        rows={commits}
        keyOf={({ commit }) => commit}
        columns={[
          {
            title: "Commit",
            cell: ({ commit }) => (
              <Anchor component={Link} size="sm" to={`?ref=${commit}`} title={commit}>
                {short(commit)}
              </Anchor>
            ),
            value: ["commit", ({ commit }) => commit],
          },
          { title: "Message", cell: ({ message }) => message, kind: "break", value: ["message", ({ message }) => message] },
          { title: "By", cell: ({ author }) => author, value: ["author", ({ author }) => author] },
          { title: "At", cell: ({ time }) => <Time at={time} />, value: ["time", ({ time }) => time] },
          { title: "Files", cell: ({ files }) => number(files), kind: "figures", value: ["files", ({ files }) => files] },
          { title: "Size", cell: (each) => bytes(each.bytes), kind: "figures", hint: (each) => `${number(each.bytes)} bytes`, value: ["bytes", (each) => each.bytes] },
          { title: "Compared", cell: (each) => <Compared commit={each} /> },
        ]}
        file={{ of: "commits", call }}
      />
    </section>
  );
}

function Compared({ commit: { commit, parents } }: { commit: DataCommit }) {
  if (parents.length === 0) return <span className="dim">the first</span>;
  return parents.map((parent, index) => (
    <Anchor key={parent} component={Link} size="sm" mr="xs" to={`?from=${parent}&to=${commit}`} aria-label={`what is new in ${short(commit)}${index > 0 ? ` since ${short(parent)}` : ""}`}>
      {index === 0 ? "what is new" : `since ${short(parent)}`}
    </Anchor>
  ));
}
