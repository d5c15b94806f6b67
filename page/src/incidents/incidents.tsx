import { Anchor, SegmentedControl, Table, Text } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type Incident } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Command, Head, Time, Word } from "../components/words";

const kShown = [
  { value: "current", label: "Not resolved" },
  { value: "all", label: "All" },
];

export function IncidentsPage() {
  const [query, setQuery] = useSearchParams();
  const shown = query.get("show") === "all" ? "all" : "current";
  const incidents = useLive((signal) => api.incidents(signal), "incidents", 5);
  return (
    <>
      <Head title="Incidents">
        <SegmentedControl
          aria-label="Which incidents"
          data={kShown}
          value={shown}
          onChange={(value) => setQuery(value === "all" ? { show: "all" } : {})}
        />
      </Head>
      <Loaded from={incidents}>
        {(data) => <Incidents incidents={data.filter((each) => shown === "all" || each.state !== "resolved")} any={data.length > 0} />}
      </Loaded>
    </>
  );
}

function Incidents({ incidents, any }: { incidents: Incident[]; any: boolean }) {
  if (incidents.length === 0) {
    return (
      <Empty title={any ? "Nothing is wrong now." : "There was no incident yet."}>
        <Text size="sm">An alert opens one when its action says so, and so does a person:</Text>
        <Command>{'slipway incidents open my-endpoint "prices are wrong"'}</Command>
      </Empty>
    );
  }
  return (
    <Table.ScrollContainer minWidth={800}>
      <Table verticalSpacing="xs" highlightOnHover aria-label="Incidents">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Incident</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Severity</Table.Th>
            <Table.Th>Endpoint</Table.Th>
            <Table.Th>Bad since</Table.Th>
            <Table.Th>Owner</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {incidents.map((incident) => (
            <Table.Tr key={incident.id}>
              <Table.Td>
                <Anchor component={Link} to={`/incidents/${incident.id}`} size="sm">
                  {incident.id}: {incident.title}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Word of={incident.state} />
              </Table.Td>
              <Table.Td>
                <Word of={incident.severity} />
              </Table.Td>
              <Table.Td>
                <Anchor component={Link} to={`/endpoints/${encodeURIComponent(incident.endpoint)}`} size="sm">
                  {incident.endpoint}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Time at={incident.bad_since} />
              </Table.Td>
              <Table.Td>{incident.owner || "nobody"}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
