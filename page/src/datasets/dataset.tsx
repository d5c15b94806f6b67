import { Anchor, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { Link, useParams, useSearchParams } from "react-router";
import { api, type DatasetVersion } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time } from "../components/words";
import { number } from "../lib/format";
import { Difference } from "./difference";
import { Profile } from "./profile";
import { CheckWords, Checks } from "./checks";

// Versions of a dataset, and what is different between the two that the address names: `from`, `to`.
export function DatasetPage() {
  const { name = "" } = useParams();
  const dataset = useLive((signal) => api.dataset(name, signal), name, 10, [`datasets/${name}`]);
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
              <Versions name={name} versions={versions} />
              {latest && latest.checks.length > 0 && <Checks name={name} version={latest} rejects={definition.checks?.on_failed !== "flag"} call={api.datasetPath(name)} />}
              {latest && <Profile name={name} definition={definition} version={latest} columns={latest.profile} violations={latest.violations} call={api.datasetPath(name)} />}
              <Compared name={name} versions={versions} />
            </Stack>
          )
        }
      </Loaded>
    </>
  );
}

function Versions({ name, versions }: { name: string; versions: DatasetVersion[] }) {
  return (
    <PlainTable
      name="Versions"
      minWidth={620}
      rows={versions}
      keyOf={({ version }) => version}
      columns={[
        { title: "Version", kind: "figures", cell: ({ version }) => version, value: ["version", ({ version }) => version] },
        { title: "Rows", kind: "figures", cell: ({ rows }) => number(rows), value: ["rows", ({ rows }) => rows] },
        { title: "Put aside", kind: "figures", cell: ({ quarantined }) => number(quarantined), value: ["put aside", ({ quarantined }) => quarantined] },
        { title: "Flagged", isOnlyInFile: versions.every(({ flagged }) => flagged === 0), kind: "figures", cell: ({ flagged }) => number(flagged), value: ["flagged", ({ flagged }) => flagged] },
        { title: "Checks", isOnlyInFile: versions.every(({ checks }) => checks.length === 0), cell: ({ checks }) => <CheckWords checks={checks} />, value: ["failed checks", ({ checks }) => checks.filter((check) => !check.holds).length] },
        { title: "Came in", cell: ({ arrival_time }) => <Time at={arrival_time} />, value: ["came in", ({ arrival_time }) => arrival_time] },
        { title: "Digest", cell: ({ digest }) => digest.slice(0, 12), hint: ({ digest }) => digest, value: ["digest", ({ digest }) => digest] },
        {
          title: "Compared",
          isOnlyInFile: versions.length < 2,
          cell: ({ version }) =>
            version > 1 && (
              <Anchor component={Link} size="sm" to={`?from=${version - 1}&to=${version}`}>
                what is new
              </Anchor>
            ),
        },
      ]}
      file={{ of: `Versions of ${name}`, call: api.datasetPath(name) }}
    />
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
