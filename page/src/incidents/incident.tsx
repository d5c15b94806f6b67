import { Anchor, Button, Group, SimpleGrid, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useParams } from "react-router";
import { api, type IncidentEntry, type IncidentReport, type IncidentState } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Fact, Head, Time, Word } from "../components/words";
import { duration, readable } from "../lib/format";
import { linked } from "../lib/incident_links";

type Deed = "acknowledge" | "note" | "assign" | IncidentState;

export function IncidentPage() {
  const { id = "" } = useParams();
  const incident = useLive((signal) => api.incident(id, signal), id, 5, [`incidents/${id}`, "endpoints", "monitors", "datasets", "models", "features", "projects", "silences"]);
  const [deed, setDeed] = useState<Deed>();
  const data = incident.data;
  return (
    <>
      <Head
        title={data ? data.title : `Incident ${id}`}
        trail={[["Incidents", "/incidents"]]}
        words={
          data && (
            <>
              <Word of={data.state} />
              <Word of={data.severity} />
            </>
          )
        }
      >
        {data && <Deeds state={data.state} isTaken={data.owner !== ""} ask={setDeed} />}
      </Head>
      {data && deed && <Ask incident={data} deed={deed} close={() => setDeed(undefined)} changed={incident.reload} />}
      <Loaded from={incident}>{(report) => <Body report={report} />}</Loaded>
    </>
  );
}

function Deeds({ state, isTaken, ask }: { state: IncidentState; isTaken: boolean; ask: (deed: Deed) => void }) {
  return (
    <>
      {state !== "resolved" && !isTaken && <Button onClick={() => ask("acknowledge")}>Acknowledge</Button>}
      <Button variant="default" onClick={() => ask("note")}>
        Add a note
      </Button>
      <Button variant="default" onClick={() => ask("assign")}>
        Assign
      </Button>
      {state === "open" && (
        <Button variant="default" onClick={() => ask("mitigated")}>
          Mark as mitigated
        </Button>
      )}
      {state === "resolved" ? (
        <Button variant="default" onClick={() => ask("open")}>
          Reopen
        </Button>
      ) : (
        <Button variant={isTaken ? "filled" : "default"} onClick={() => ask("resolved")}>
          Resolve
        </Button>
      )}
    </>
  );
}

const kTitles: Record<Deed, [string, string]> = {
  acknowledge: ["You have seen it, and work on it", "Acknowledge"],
  note: ["Add a note", "Add"],
  assign: ["Who works on it?", "Assign"],
  mitigated: ["Users are well again", "Mark as mitigated"],
  resolved: ["It is over", "Resolve"],
  open: ["It isn't over", "Reopen"],
};

// Who acknowledges owns it from then on, and has seen the endpoint's open alerts: nobody is told of them again.
async function acknowledge({ id, endpoint }: IncidentReport, text: string, actor: string) {
  const who = actor || (await api.me())?.user;
  if (!who) throw new Error("Who works on it? Your name is missing.");
  await api.assignIncident(id, who, actor);
  if (text) await api.noteIncident(id, text, actor);
  for (const alert of await api.alerts(endpoint)) if (alert.state === "open" && !alert.acknowledged) await api.acknowledge(alert.id, text || `incident ${id}`, actor);
}

function Ask({ incident, deed, close, changed }: { incident: IncidentReport; deed: Deed; close: () => void; changed: () => void }) {
  const [owner, setOwner] = useState(incident.owner);
  const act = async (text: string, actor: string) => {
    if (deed === "acknowledge") await acknowledge(incident, text, actor);
    else if (deed === "note") await api.noteIncident(incident.id, text, actor);
    else if (deed === "assign") {
      await api.assignIncident(incident.id, owner.trim(), actor);
      if (text) await api.noteIncident(incident.id, text, actor);
    } else await api.setIncidentState(incident.id, deed, text, actor);
    changed();
  };
  const [title, verb] = kTitles[deed];
  return (
    <ConfirmDialog title={title} verb={verb} color="blue" label={deed === "note" || deed === "assign" || deed === "acknowledge" ? "Note" : "Reason"} optional={deed !== "note"} act={act} close={close}>
      {deed === "assign" && <TextInput label="Owner" placeholder="nobody" value={owner} onChange={(event) => setOwner(event.currentTarget.value)} />}
    </ConfirmDialog>
  );
}

const kSuspectsShown = 8;

function Words({ of, endpoint }: { of: IncidentEntry; endpoint: string }) {
  return (
    <>
      {linked(of, endpoint).map(({ text, to }, at) =>
        to ? (
          <Anchor key={at} component={Link} to={to} size="sm" underline="always">
            {readable(text)}
          </Anchor>
        ) : (
          readable(text)
        ),
      )}
    </>
  );
}

const took = (seconds: number | null) => (seconds === null ? "not yet" : duration(seconds));

function Body({ report }: { report: IncidentReport }) {
  const { durations } = report;
  const call = api.incidentPath(String(report.id));
  return (
    <Stack gap="xl">
      <SimpleGrid cols={{ base: 2, sm: 4, md: 7 }} spacing="md">
        <Fact name="Time to detect">{took(durations.to_detect_seconds)}</Fact>
        <Fact name="Time to act">{took(durations.to_act_seconds)}</Fact>
        <Fact name="Time to recover">{took(durations.to_recover_seconds)}</Fact>
        <Fact name="Bad since">
          <Time at={report.bad_since} />
        </Fact>
        <Fact name="Noticed">
          <Time at={report.detected} />
        </Fact>
        <Fact name="Endpoint">
          <Anchor component={Link} to={`/endpoints/${encodeURIComponent(report.endpoint)}`} size="sm" underline="always">
            {report.endpoint}
          </Anchor>
        </Fact>
        <Fact name="Owner">{report.owner || "nobody yet"}</Fact>
      </SimpleGrid>
      <section aria-label="What changed before">
        <Title order={2} size="h4" mb="xs">
          What changed before
        </Title>
        {report.suspects.length === 0 ? (
          <Text size="sm">Nothing that is known of.</Text>
        ) : (
          <>
          <Text size="sm" c="dimmed">
            The likeliest cause first. The score, 0 to 1, is by its kind, and halves with each day between it and the trouble.
          </Text>
          <PlainTable
            name="Suspects"
            minWidth={700}
            rows={report.suspects.slice(0, kSuspectsShown)}
            keyOf={({ time, words }) => `${time} ${words}`}
            file={{ of: `suspects of incident ${report.id}`, call }}
            columns={[
              { title: "Score", cell: ({ score }) => score.toFixed(2), kind: "figures", value: ["score", ({ score }) => score] },
              {
                title: "When",
                cell: ({ time, why }) => (
                  <>
                    <Time at={time} />
                    <Text size="xs" c="dimmed">
                      {why}
                    </Text>
                  </>
                ),
                value: ["time", ({ time }) => time],
              },
              { title: "What", cell: (entry) => <Words of={entry} endpoint={report.endpoint} />, value: ["what", ({ words }) => words] },
              { title: "Who", cell: ({ actor }) => actor, value: ["who", ({ actor }) => actor] },
            ]}
          />
          </>
        )}
      </section>
      <section aria-label="Time line">
        <Group justify="space-between" mb="xs">
          <Title order={2} size="h4">
            Time line
          </Title>
          <Anchor href={api.postMortemPath(report.id)} download={`incident-${report.id}.md`} size="sm">
            Post-mortem as Markdown
          </Anchor>
        </Group>
        <PlainTable
          name="What happened"
          minWidth={700}
          rows={report.time_line}
          keyOf={(_, at) => at}
          file={{ of: `time line of incident ${report.id}`, call }}
          columns={[
            { title: "When", cell: ({ time }) => <Time at={time} />, value: ["time", ({ time }) => time] },
            { title: "Kind", cell: ({ kind }) => <Word of={kind} />, value: ["kind", ({ kind }) => kind] },
            { title: "What", cell: (entry) => <Words of={entry} endpoint={report.endpoint} />, value: ["what", ({ words }) => words] },
            { title: "Who", cell: ({ actor }) => actor, value: ["who", ({ actor }) => actor] },
          ]}
        />
      </section>
    </Stack>
  );
}
