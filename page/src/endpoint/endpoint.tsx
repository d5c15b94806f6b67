import { Alert, Anchor, Button, Card, Code, Group, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { api, type Endpoint, type Gate, type ModelOverview, type Revision, together } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Verdicts } from "../components/verdicts";
import { Command, Fact, Facts, Head, Time, Word } from "../components/words";
import { plural, readable } from "../lib/format";
import { FollowDialog } from "./follow";
import { Inputs } from "./inputs";
import { Ledger } from "./ledger";
import { EndpointTraffic } from "./live";
import { RollBackDialog } from "./roll_back";
import { Steps, TrafficSplit } from "./traffic";
import { TryIt } from "./try";

interface EndpointFacts {
  endpoint: Endpoint;
  revisions: Revision[];
  gates: Gate[];
  lastGood: Revision | undefined; // what a rollback goes back to
  model: ModelOverview | undefined; // how it is
}

async function load(name: string, signal: AbortSignal): Promise<EndpointFacts> {
  const [endpoint, revisions, { models }] = await together(() => Promise.all([api.endpoint(name), api.revisions(name), api.overview()]), signal);
  const live = endpoint.revision?.variants.find((variant) => variant.role === "live")?.model;
  // It may be older than what is listed.
  const [gates, lastGood] = await Promise.all([
    live ? api.gates(live, signal) : [],
    endpoint.last_good === null ? undefined : (revisions.find(({ number }) => number === endpoint.last_good) ?? api.revisionOf(name, endpoint.last_good, signal)),
  ]);
  return { endpoint, revisions, gates, lastGood, model: models.find((each) => each.endpoint === name) };
}

export function EndpointPage() {
  const { name = "" } = useParams();
  const facts = useLive((signal) => load(name, signal), name, 3, [`endpoints/${name}`, "models"]);
  const [asks, setAsks] = useState<"rollback" | "follow" | null>(null);
  const [done, setDone] = useState("");
  const data = facts.data;
  const target = data?.lastGood;
  const rollout = data?.endpoint.rollout;

  return (
    <>
      <Head
        title={name}
        trail={[["Models", "/"]]}
        words={
          rollout && (
            <>
              <Word of={rollout.phase} />
              {rollout.held && <Word of="held" />}
            </>
          )
        }
      >
        <Button component={Link} to={`/endpoints/${encodeURIComponent(name)}/plain`} variant="default">
          In plain words
        </Button>
        <Button component={Link} to={`/endpoints/${encodeURIComponent(name)}/monitoring`} variant="default">
          Monitoring
        </Button>
        <Button component={Link} to={`/endpoints/${encodeURIComponent(name)}/drills`} variant="default">
          Drill
        </Button>
        {data?.endpoint.definition.features && (
          <Button component={Link} to={`/endpoints/${encodeURIComponent(name)}/features`} variant="default">
            Features
          </Button>
        )}
        {rollout?.held && (
          <Button variant="default" onClick={() => setAsks("follow")}>
            Follow again
          </Button>
        )}
        <Button color="red" variant="outline" disabled={!target} onClick={() => setAsks("rollback")}>
          Roll back
        </Button>
      </Head>
      {done && (
        <div role="status">
          <Alert color="teal" variant="light" mb="md" title={done} withCloseButton closeButtonLabel="Close" onClose={() => setDone("")} />
        </div>
      )}
      <Loaded from={facts}>{(found) => <Body {...found} />}</Loaded>
      {asks === "rollback" && target && (
        <RollBackDialog
          endpoint={name}
          target={target}
          close={() => setAsks(null)}
          done={(words) => {
            setDone(words);
            facts.reload();
          }}
        />
      )}
      {asks === "follow" && data && (
        <FollowDialog
          endpoint={data.endpoint}
          close={() => setAsks(null)}
          done={(words) => {
            setDone(words);
            facts.reload();
          }}
        />
      )}
    </>
  );
}

function Body({ endpoint, revisions, gates, model }: EndpointFacts) {
  const { definition, revision, rollout } = endpoint;
  return (
    <Stack gap="lg">
      {model && (
        <Group gap="xs" role="group" aria-label="Health">
          <Word of={model.health} />
          <Text size="sm">{readable(model.health_reason)}</Text>
          {model.open_alerts > 0 && (
            <Anchor component={Link} to={`/endpoints/${encodeURIComponent(endpoint.name)}/monitoring`} size="sm" underline="always">
              {plural(model.open_alerts, "open alert")}
            </Anchor>
          )}
        </Group>
      )}
      {rollout.held && (
        <Alert color="yellow" variant="light" title="Held: this endpoint does not follow its alias.">
          {rollout.held_reason}
        </Alert>
      )}
      {rollout.proposal && (
        <Alert color="blue" variant="light" title={`Version ${rollout.proposal.version} is proposed.`}>
          It takes its first requests at <Time at={rollout.proposal.takes_over_at} />. {rollout.proposal.reason}
        </Alert>
      )}
      {revision === null ? (
        <Empty title="Nothing answers here yet.">
          <Text size="sm">
            It waits for <Code>{definition.model}</Code>; or deploy a version by hand:
          </Text>
          <Command>{`slipway endpoints deploy ${endpoint.name} models:/my-model/1`}</Command>
        </Empty>
      ) : (
        <Card withBorder padding="md">
          <Stack gap="md">
            <Facts>
              <Fact name="Revision">{revision.number}</Fact>
              <Fact name="Since">
                <Time at={revision.time} />
              </Fact>
              <Fact name="Follows">
                <Code>{definition.model}</Code>
              </Fact>
              <Fact name="Features">{revision.features || "sent with the request"}</Fact>
              <Fact name="Last good">{endpoint.last_good === null ? "none yet" : `revision ${endpoint.last_good}`}</Fact>
            </Facts>
            <TrafficSplit variants={revision.variants} />
            {rollout.canary && (
              <Steps
                steps={definition.release?.steps ?? []}
                at={rollout.canary.step}
                next={rollout.canary.next_check}
                waitsFor={rollout.canary.waits_for}
              />
            )}
          </Stack>
        </Card>
      )}
      {revision !== null && <EndpointTraffic key={endpoint.name} endpoint={endpoint.name} revisions={revisions} />}
      {revision !== null && <Inputs key={`inputs ${endpoint.name}`} endpoint={endpoint.name} />}
      {revision !== null && <TryIt key={`try ${endpoint.name}`} endpoint={endpoint.name} service={revision.features} />}
      <section aria-label="Ledger of revisions">
        <Title order={2} size="h4" mb="xs">
          Ledger
        </Title>
        {revisions.length === 0 ? (
          <Text size="sm" c="dimmed">
            No revision yet.
          </Text>
        ) : (
          <Ledger revisions={revisions} gates={gates} current={revision?.number} lastGood={endpoint.last_good} call={api.revisionsPath(endpoint.name)} />
        )}
      </section>
      <Verdicts gates={gates} />
      <Text size="sm" c="dimmed">
        The same by command: <Code>slipway endpoints rollback {endpoint.name}</Code>.{" "}
        <Anchor component={Link} to="/pipelines" size="sm" underline="always">
          Pipelines
        </Anchor>
      </Text>
    </Stack>
  );
}
