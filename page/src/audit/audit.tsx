import { Alert, Anchor, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, Fragment, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, ApiError, type Event, type EventFilter } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { PlainTable } from "../components/plain_table";
import { SpanBox } from "../components/span_box";
import { Command, Head, Time } from "../components/words";
import { eventWords } from "../lib/event_words";
import { number } from "../lib/format";
import { screenOf } from "../lib/links";
import { told } from "../lib/problem";
import { isChosen, kSpanKeys, readSpan, spanOf } from "../lib/span";
import "./audit.css";

const kEventsShown = 100;
const kAgainSeconds = 5;
const kNames = ["sequence", "arrival_time", "event_time", "actor", "kind", "subject", "payload"] as const;
const kFields = [
  ["actor", "Who", "ada"],
  ["kind", "What", "endpoint.rolled_back"],
  ["subject", "On what", "models/churn"],
] as const;

// Who did what to what, and when: every change that this server has made. The address says which are shown.
export function AuditPage() {
  const [query, setQuery] = useSearchParams();
  const asked = [...kFields.map(([name]) => name), "before"].flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? ""]] : []));
  const time = readSpan(query);
  const found = useLive(
    async (signal) => {
      const filter: EventFilter = { ...Object.fromEntries(asked), ...spanOf(time, Date.now()), limit: String(kEventsShown) };
      return { filter, events: await api.events(filter, signal) };
    },
    JSON.stringify([asked, time]),
    query.has("before") || time.until ? Infinity : kAgainSeconds,
    [""],
  );
  return (
    <>
      <Head title="Audit">
        <Anchor component={Link} to="/policies">
          Policies
        </Anchor>
        <Anchor component={Link} to="/users">
          Users and tokens
        </Anchor>
        <Verify />
      </Head>
      <Stack gap="md">
        <Group align="flex-end" gap="sm">
          <Filter key={kFields.map(([name]) => query.get(name)).join(" ")} query={query} choose={setQuery} />
          <SpanBox none="All that is recorded" drops={["before"]} />
        </Group>
        <Loaded from={found}>{({ events, filter }) => (events.length === 0 ? <None isAll={asked.length === 0 && !isChosen(time)} /> : <Events events={events} filter={filter} query={query} />)}</Loaded>
      </Stack>
    </>
  );
}

function Filter({ query, choose }: { query: URLSearchParams; choose: (query: Record<string, string>) => void }) {
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]);
    const time = kSpanKeys.flatMap((name) => (query.has(name) ? [[name, query.get(name) ?? ""]] : []));
    choose(Object.fromEntries([...typed.filter(([, value]) => value !== ""), ...time]));
  };
  return (
    <form onSubmit={apply} role="search" aria-label="Events">
      <Group align="flex-end" gap="xs">
        {kFields.map(([name, label, example]) => (
          <TextInput key={name} name={name} label={label} placeholder={example} defaultValue={query.get(name) ?? ""} size="xs" />
        ))}
        <Button type="submit" size="xs">
          Show
        </Button>
        {query.size > 0 && (
          <Button size="xs" variant="default" onClick={() => choose({})}>
            All
          </Button>
        )}
      </Group>
    </form>
  );
}

function None({ isAll }: { isAll: boolean }) {
  return <Empty title={isAll ? "Nothing has been changed on this server yet." : "No event is like this."} />;
}

function Events({ events, filter, query }: { events: Event[]; filter: EventFilter; query: URLSearchParams }) {
  const oldest = events.at(-1);
  const to = (before?: number) => {
    const next = new URLSearchParams(query);
    next.delete("before");
    if (before !== undefined) next.set("before", String(before));
    return `/audit${next.size > 0 ? `?${next}` : ""}`;
  };
  return (
    <Stack gap="xs">
      <PlainTable
        name="Events"
        minWidth={900}
        rows={events}
        keyOf={({ sequence }) => sequence}
        columns={[
          { title: "When", cell: (event) => <When event={event} />, value: ["arrival_time", ({ arrival_time }) => arrival_time] },
          { title: "Who", cell: ({ actor }) => actor || "–", kind: "break", value: ["actor", ({ actor }) => actor] },
          { title: "What", cell: ({ kind }) => kind, kind: "nowrap", value: ["kind", ({ kind }) => kind] },
          { title: "On what", cell: ({ subject }) => <Subject of={subject} />, kind: "break", value: ["subject", ({ subject }) => subject] },
          { title: "What it says", cell: (event) => <Payload of={event} /> },
        ]}
      />
      <Group gap="md">
        {query.has("before") && (
          <Anchor component={Link} to={to()}>
            newest
          </Anchor>
        )}
        {events.length === kEventsShown && oldest && (
          <Anchor component={Link} to={to(oldest.sequence)}>
            earlier
          </Anchor>
        )}
        <Numbers of="events" names={[...kNames]} rows={() => events.map((event) => kNames.map((name) => event[name]))} call={api.eventsPath(filter)} />
      </Group>
    </Stack>
  );
}

function When({ event }: { event: Event }) {
  return (
    <>
      <Time at={event.arrival_time} />
      {event.event_time !== event.arrival_time && (
        <Text size="xs" c="dimmed">
          about <Time at={event.event_time} />
        </Text>
      )}
    </>
  );
}

function Subject({ of }: { of: string }) {
  const screen = screenOf(of);
  const words = of.split("/").map((part, at) => (
    <Fragment key={at}>
      {at > 0 && (
        <>
          /<wbr />
        </>
      )}
      {part}
    </Fragment>
  ));
  if (!screen) return <>{words}</>;
  return (
    <Anchor component={Link} to={screen} underline="always">
      {words}
    </Anchor>
  );
}

// In words; as it was written behind them.
function Payload({ of }: { of: Event }) {
  return (
    <details>
      <summary className="event-summary">{eventWords(of) || "nothing more"}</summary>
      <Command>{JSON.stringify(of.payload, null, 2)}</Command>
    </details>
  );
}

// Whether anybody has changed what was written: the server recomputes all.
function Verify() {
  const [said, say] = useState<{ text: string; color: string }>();
  const [isAsking, setAsking] = useState(false);
  const ask = async () => {
    setAsking(true);
    try {
      const { events, sealed, head } = await api.verifyEvents();
      say({ color: "teal", text: `All ${number(events)} events are as they were written; ${number(sealed)} of them are sealed, up to ${head.slice(0, 12) || "nothing"}.` });
    } catch (problem) {
      say({ color: problem instanceof ApiError && problem.status >= 500 ? "red" : "gray", text: told(problem) });
    }
    setAsking(false);
  };
  return (
    <>
      {said && (
        <Alert color={said.color} variant="light" p="xs">
          {said.text}
        </Alert>
      )}
      <Button size="xs" variant="default" loading={isAsking} onClick={() => void ask()}>
        Is the record intact?
      </Button>
    </>
  );
}
