import { Alert, Anchor, Button, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, ApiError, type Event, type EventFilter } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Command, Head, Time } from "../components/words";
import { number } from "../lib/format";
import { screenOf } from "../lib/links";
import { told } from "../lib/problem";
import "./audit.css";

const kEventsShown = 100;
const kAgainSeconds = 5;
const kNames = ["sequence", "arrival_time", "event_time", "actor", "kind", "subject", "payload"] as const;
const kFields = [
  ["actor", "Who", "ada"],
  ["kind", "What", "endpoint.rolled_back"],
  ["subject", "On what", "endpoints/ or models/churn"],
  ["from", "Since (UTC)", "2026-11-28"],
  ["until", "Before (UTC)", "2026-11-29T12:00:00Z"],
] as const;

// Who did what to what, and when: every change that this server has made. The address says which are shown.
export function AuditPage() {
  const [query, setQuery] = useSearchParams();
  const filter: EventFilter = { ...Object.fromEntries(query), limit: String(kEventsShown) };
  const events = useLive((signal) => api.events(filter, signal), query.toString(), query.has("before") || query.has("until") ? Infinity : kAgainSeconds);
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
        <Filter key={kFields.map(([name]) => query.get(name)).join(" ")} query={query} choose={setQuery} />
        <Loaded from={events}>{(found) => (found.length === 0 ? <None isAll={query.size === 0} /> : <Events events={found} filter={filter} query={query} />)}</Loaded>
      </Stack>
    </>
  );
}

function Filter({ query, choose }: { query: URLSearchParams; choose: (query: Record<string, string>) => void }) {
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]);
    choose(Object.fromEntries(typed.filter(([, value]) => value !== "")));
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
      <Table.ScrollContainer minWidth={720}>
        <Table verticalSpacing={4} aria-label="Events">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>When</Table.Th>
              <Table.Th>Who</Table.Th>
              <Table.Th>What</Table.Th>
              <Table.Th>On what</Table.Th>
              <Table.Th>What it says</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {events.map((event) => (
              <Row key={event.sequence} event={event} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
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

function Row({ event }: { event: Event }) {
  const screen = screenOf(event.subject);
  const isReplayed = event.event_time !== event.arrival_time;
  return (
    <Table.Tr>
      <Table.Td>
        <Time at={event.arrival_time} />
        {isReplayed && (
          <Text size="xs" c="dimmed">
            about <Time at={event.event_time} />
          </Text>
        )}
      </Table.Td>
      <Table.Td className="break">{event.actor || "–"}</Table.Td>
      <Table.Td className="break">{event.kind}</Table.Td>
      <Table.Td className="break">
        {screen ? (
          <Anchor component={Link} to={screen}>
            {event.subject}
          </Anchor>
        ) : (
          event.subject
        )}
      </Table.Td>
      <Table.Td>
        <details>
          <summary className="event-summary">{JSON.stringify(event.payload)}</summary>
          <Command>{JSON.stringify(event.payload, null, 2)}</Command>
        </details>
      </Table.Td>
    </Table.Tr>
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
