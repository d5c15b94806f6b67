import { Anchor, Button, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { type AliasMove, api, type Gate, ifAbsent, type ModelAlias, type ModelVersion, type RegisteredModel, type Run, together } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { Description, Tags } from "../components/editor";
import { useKept, useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Pairs } from "../components/pairs";
import { PlainTable } from "../components/plain_table";
import { WhenSeen } from "../components/when_seen";
import { Verdicts } from "../components/verdicts";
import { Fact, Facts, Head, Time, Word } from "../components/words";
import { Alias } from "./models";

const kVersionsShown = 200;
const kVersionsMax = 10_000;

interface ModelFacts {
  model: RegisteredModel;
  versions: ModelVersion[];
  isMore: boolean;
  aliases: ModelAlias[];
  gates: Gate[];
  endpoints: { endpoint: string; version: number | null }[];
}

async function factsOf(name: string, most: number, signal: AbortSignal): Promise<ModelFacts> {
  const [model, found, aliases, gates, { models }] = await together(
    () => Promise.all([api.registeredModel(name), api.modelVersions(name, most), api.aliases(name), api.gates(name), api.overview()]),
    signal,
  );
  const endpoints = models.filter((each) => each.name === name && each.version !== null);
  return { model, versions: found.model_versions ?? [], isMore: Boolean(found.next_page_token), aliases, gates, endpoints };
}

// A registered model. The address says which version its card is about; without, the one that is in production, or the newest.
export function ModelPage() {
  const { name = "" } = useParams();
  const [query] = useSearchParams();
  const most = Math.min(Number(query.get("versions")) || kVersionsShown, kVersionsMax);
  const facts = useLive((signal) => factsOf(name, most, signal), `model ${name} ${most}`, 10, [`models/${name}`, "endpoints"]);
  return (
    <>
      <Head title={name} trail={[["Registry", "/models"]]} />
      <Loaded from={facts}>{(found) => <Body {...found} asked={query.get("version")} reload={facts.reload} />}</Loaded>
    </>
  );
}

function Body({ asked, reload, ...facts }: ModelFacts & { asked: string | null; reload: () => void }) {
  const { model, versions, aliases, gates, endpoints } = facts;
  const served = endpoints[0]?.version;
  const shown = asked ?? (served ? String(served) : versions[0]?.version);
  return (
    <Stack gap="xl">
      {versions.length === 0 ? <Empty title="It has no version yet." /> : shown !== undefined && <Card key={shown} model={model} version={shown} facts={facts} changed={reload} />}
      {versions.length > 0 && <Versions {...facts} shown={shown} />}
      <Aliases model={model.name} aliases={aliases} versions={versions} reload={reload} />
      <WhenSeen>
        <Moves model={model.name} />
      </WhenSeen>
      <Verdicts gates={gates} />
    </Stack>
  );
}

// What this version is: in its people's words, and what is on record of how it was made and judged.
function Card({ model, version, facts, changed }: { model: RegisteredModel; version: string; facts: ModelFacts; changed: () => void }) {
  const known = facts.versions.find((one) => one.version === version);
  const made = useKept(useLive(
    async (signal) => {
      const found = known ?? (await api.modelVersion(model.name, version, signal));
      const run = found.run_id ? await ifAbsent(api.run(found.run_id, signal), undefined, [403, 404]) : undefined; // it may be deleted, or not for this user
      return { version: found, run };
    },
    `${model.name} ${version} ${JSON.stringify(known)}`,
    30,
  ));
  return (
    <section aria-label="Model card">
      <Group gap="sm" mb="xs">
        <Title order={2} size="h4">
          Version {version}
        </Title>
        {facts.aliases
          .filter((alias) => String(alias.version) === version)
          .map(({ alias }) => (
            <Alias key={alias} name={alias} />
          ))}
      </Group>
      <Loaded from={made}>{(found) => (
          <CardBody
            model={model}
            {...found}
            facts={facts}
            changed={() => {
              changed();
              made.reload();
            }}
          />
        )}</Loaded>
    </section>
  );
}

function CardBody({ model, version, run, facts, changed }: { model: RegisteredModel; version: ModelVersion; run: Run | undefined; facts: ModelFacts; changed: () => void }) {
  const verdict = facts.gates.find((gate) => String(gate.promoted_version ?? gate.candidate_version) === version.version);
  const inputs = run?.inputs.dataset_inputs ?? [];
  const endpoints = facts.endpoints.filter((each) => String(each.version) === version.version);
  return (
    <Stack gap="md">
      <Facts>
        <Fact name="Registered">
          <Time at={version.creation_timestamp ?? null} />
        </Fact>
        <Fact name="By">{version.user_id || run?.info.user_id || "–"}</Fact>
        <Fact name="Run">
          {version.run_id ? (
            <Anchor component={Link} to={`/runs/${version.run_id}`} size="sm">
              {run?.info.run_name || version.run_id}
            </Anchor>
          ) : (
            "–"
          )}
        </Fact>
        <Fact name="Data">{inputs.map(({ dataset }) => `${dataset.name} (${dataset.digest})`).join(", ") || "–"}</Fact>
        <Fact name="Answers at">
          {endpoints.length === 0
            ? "–"
            : endpoints.map(({ endpoint }) => (
                <Anchor key={endpoint} component={Link} to={`/endpoints/${encodeURIComponent(endpoint)}`} size="sm" mr={8}>
                  {endpoint}
                </Anchor>
              ))}
        </Fact>
        <Fact name="State">
          {[version.status === "READY" ? "" : (version.status ?? ""), version.current_stage === "None" ? "" : (version.current_stage ?? "")].filter(Boolean).join(", ") || "ready"}
          {version.status_message && `: ${version.status_message}`}
        </Fact>
        <Fact name="Lineage">
          <Anchor component={Link} to={`/lineage?${new URLSearchParams({ of: `models:/${model.name}/${version.version}` })}`} size="sm">
            from data to predictions
          </Anchor>
        </Fact>
      </Facts>
      {verdict && (
        <Group gap="sm" wrap="nowrap" align="flex-start">
          <Word of={verdict.verdict} />
          <Text size="sm">{verdict.sentence}</Text>
        </Group>
      )}
      <Description of="the model" text={model.description ?? ""} edit={api.modelEdits(model.name)} changed={changed} />
      <Description of={`version ${version.version}`} text={version.description ?? ""} edit={api.versionEdits(model.name, version.version)} changed={changed} />
      <SimpleGrid cols={{ base: 1, md: 3 }} spacing="lg">
        <Pairs title="Metrics" pairs={run?.data.metrics ?? []} call={run && api.runPath(run.info.run_id)} />
        <Pairs title="Parameters" pairs={run?.data.params ?? []} call={run && api.runPath(run.info.run_id)} />
        <Stack gap="lg">
          <Tags title="Tags of the model" pairs={model.tags ?? []} call={api.registeredModelPath(model.name)} edit={api.modelEdits(model.name)} changed={changed} />
          <Tags title="Tags of the version" pairs={version.tags ?? []} call={api.modelVersionPath(model.name, version.version)} edit={api.versionEdits(model.name, version.version)} changed={changed} />
        </Stack>
      </SimpleGrid>
    </Stack>
  );
}

function Versions({ versions, isMore, aliases, gates, endpoints, shown }: ModelFacts & { shown: string | undefined }) {
  const [query, setQuery] = useSearchParams();
  const withRuns = versions.filter(({ run_id }) => run_id).slice(0, 2);
  const verdictOn = (version: string) => gates.find((gate) => String(gate.promoted_version) === version);
  const named = (version: string) => aliases.filter((each) => String(each.version) === version).map(({ alias }) => alias);
  const answersAt = (each: ModelVersion) => endpoints.flatMap(({ endpoint, version }) => (String(version) === each.version ? [endpoint] : [])).join(", ");
  const show = (changes: Record<string, string>) => setQuery({ ...Object.fromEntries(query), ...changes });
  return (
    <section aria-label="Versions">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Versions
        </Title>
        {withRuns.length === 2 && (
          <Anchor component={Link} size="sm" to={`/compare?${withRuns.map(({ run_id }) => `runs=${run_id}`).join("&")}`}>
            compare the runs of the newest two
          </Anchor>
        )}
      </Group>
      <PlainTable
        name="Versions"
        minWidth={720}
        rows={versions}
        keyOf={({ version }) => version}
        isCurrent={({ version }) => version === shown}
        columns={[
          {
            title: "Version",
            kind: "figures",
            cell: ({ version }) => (
              <Anchor component="button" type="button" size="sm" aria-current={version === shown || undefined} aria-label={`Card of version ${version}`} onClick={() => show({ version })}>
                {version}
              </Anchor>
            ),
            value: ["version", ({ version }) => Number(version)],
          },
          {
            title: "Aliases",
            cell: ({ version }) => (
              <Group gap={6}>{named(version).length === 0 ? "–" : named(version).map((alias) => <Alias key={alias} name={alias} />)}</Group>
            ),
            value: ["aliases", ({ version }) => named(version).join(" ")],
          },
          { title: "Answers at", cell: (each) => answersAt(each) || "–", value: ["answers at", answersAt] },
          {
            title: "Verdict",
            cell: ({ version }) => {
              const verdict = verdictOn(version);
              return verdict ? (
                <span title={verdict.sentence}>
                  <Word of={verdict.verdict} />
                </span>
              ) : (
                "–"
              );
            },
            value: ["verdict", ({ version }) => verdictOn(version)?.verdict],
            also: [["verdict_says", ({ version }) => verdictOn(version)?.sentence]],
          },
          { title: "Registered", cell: ({ creation_timestamp }) => <Time at={creation_timestamp ?? null} />, value: ["registered", ({ creation_timestamp }) => creation_timestamp] },
          {
            title: "Run",
            cell: ({ run_id, version }) =>
              run_id ? (
                <Anchor component={Link} to={`/runs/${run_id}`} size="sm" aria-label={`${run_id.slice(0, 8)}, the run of version ${version}`}>
                  {run_id.slice(0, 8)}
                </Anchor>
              ) : (
                "–"
              ),
            value: ["run", ({ run_id }) => run_id],
          },
          { title: "Description", kind: "break", isOnlyInFile: versions.every(({ description }) => !description), cell: ({ description }) => (description ?? "").split("\n")[0] || "–", value: ["description", ({ description }) => description] },
        ]}
        file={{ of: `versions of ${versions[0]?.name ?? "the model"}`, call: api.modelVersionsPath(versions[0]?.name ?? "", versions.length) }}
      />
      {isMore && (
        <Button variant="default" size="xs" onClick={() => show({ versions: String(Math.min(versions.length * 5, kVersionsMax)) })} disabled={versions.length >= kVersionsMax}>
          Show older versions
        </Button>
      )}
    </section>
  );
}

// What an alias needs before it moves.
function protectionOf({ gated, approvers = [] }: ModelAlias): string {
  if (approvers.length > 0) return `moved or approved by ${approvers.join(", ")}`;
  return gated ? "moved by a gate's verdict" : "moves freely";
}

function Aliases({ model, aliases, versions, reload }: { model: string; aliases: ModelAlias[]; versions: ModelVersion[]; reload: () => void }) {
  const [approving, setApproving] = useState<{ alias: string; version: number }>();
  const newest = Number(versions[0]?.version ?? 0);
  const isFree = aliases.every(({ approvers = [], approvals = [] }) => approvers.length + approvals.length === 0); // nobody is asked
  return (
    <section aria-label="Aliases">
      <Title order={2} size="h4" mb="xs">
        Aliases
      </Title>
      <PlainTable
        name="Aliases"
        none="none"
        minWidth={560}
        rows={aliases}
        keyOf={({ alias }) => alias}
        columns={[
          { title: "Alias", kind: "nowrap", cell: ({ alias }) => `@${alias}`, value: ["alias", ({ alias }) => alias] },
          { title: "Version", kind: "figures", cell: ({ version }) => version ?? "–", value: ["version", ({ version }) => version] },
          { title: "Protection", cell: protectionOf, value: ["protection", protectionOf] },
          {
            title: "Approved",
            isOnlyInFile: isFree,
            cell: ({ approvals = [] }) =>
              approvals.map(({ version, approver, reason, time }) => (
                <div key={`${version} ${approver}`}>
                  version {version} by {approver}, <Time at={time} />
                  {reason && `: ${reason}`}
                </div>
              )),
            value: ["approved", ({ approvals = [] }) => approvals.map(({ version, approver }) => `${version} by ${approver}`).join("; ")],
          },
          {
            title: "Approve",
            isOnlyInFile: isFree,
            cell: ({ alias, version, approvers = [] }) =>
              approvers.length > 0 &&
              newest > (version ?? 0) && (
                <Button size="compact-xs" variant="default" onClick={() => setApproving({ alias, version: newest })} aria-label={`Approve version ${newest} for ${alias}`}>
                  version {newest}
                </Button>
              ),
          },
        ]}
        file={{ of: `protection of aliases of ${model}`, call: api.aliasesPath(model) }}
      />
      {approving && (
        <ConfirmDialog
          title={`Approve version ${approving.version} of ${model} for @${approving.alias}`}
          verb="Approve"
          color="teal"
          close={() => setApproving(undefined)}
          act={async (reason, actor) => {
            await api.approveAlias(model, approving.alias, approving.version, reason, actor);
            reload();
          }}
        >
          <Text size="sm">The alias may be moved to this version once; nothing moves yet.</Text>
        </ConfirmDialog>
      )}
    </section>
  );
}

const whence = (version: number | null) => (version === null ? "nothing" : `version ${version}`);

function Moves({ model }: { model: string }) {
  const moves = useLive((signal) => api.aliasMoves(model, signal), model, 30, [`models/${model}`]);
  return <Loaded from={moves}>{(found) => found.length > 0 && <History model={model} moves={found} />}</Loaded>;
}

function History({ model, moves }: { model: string; moves: AliasMove[] }) {
  return (
    <section aria-label="History of aliases">
      <Title order={2} size="h4" mb="xs">
        History of aliases
      </Title>
      <PlainTable
        name="History of aliases"
        minWidth={560}
        rows={moves}
        keyOf={(_, index) => moves.length - index}
        columns={[
          { title: "When", cell: ({ time }) => <Time at={time} />, value: ["time", ({ time }) => time] },
          { title: "Alias", kind: "nowrap", cell: ({ alias }) => `@${alias}`, value: ["alias", ({ alias }) => alias] },
          { title: "From", cell: ({ from }) => whence(from), value: ["from", ({ from }) => from ?? ""] },
          { title: "To", cell: ({ to }) => whence(to), value: ["to", ({ to }) => to ?? ""] },
          { title: "Who", kind: "break", cell: ({ actor }) => actor, value: ["actor", ({ actor }) => actor] },
          { title: "Why", kind: "break", cell: ({ reason }) => reason, value: ["reason", ({ reason }) => reason] },
        ]}
        file={{ of: `Aliases of ${model}`, call: api.movesPath(model) }}
      />
    </section>
  );
}
