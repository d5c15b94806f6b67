import { Anchor, SegmentedControl, Text } from "@mantine/core";
import { Link } from "react-router";
import { api, type Incident } from "../api";
import { useAddress } from "../components/address";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Head, Time, Word } from "../components/words";

const kShown = [
  { value: "current", label: "Not resolved" },
  { value: "all", label: "All" },
];

export function IncidentsPage() {
  const [query, change] = useAddress();
  const shown = query.get("show") === "all" ? "all" : "current";
  const incidents = useLive((signal) => api.incidents(signal), "incidents", 5, ["incidents"]);
  return (
    <>
      <Head title="Incidents">
        <SegmentedControl
          aria-label="Which incidents"
          data={kShown}
          value={shown}
          onChange={(value) => change({ show: value === "all" ? "all" : "" })}
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
    <PlainTable
      name="Incidents"
      minWidth={800}
      rows={incidents}
      keyOf={({ id }) => id}
      columns={[
        {
          title: "Incident",
          cell: ({ id, title }) => (
            <Anchor component={Link} to={`/incidents/${id}`} size="sm">
              {id}: {title}
            </Anchor>
          ),
          value: ["incident", ({ title }) => title],
          also: [["id", ({ id }) => id]],
        },
        { title: "State", cell: ({ state }) => <Word of={state} />, value: ["state", ({ state }) => state] },
        { title: "Severity", cell: ({ severity }) => <Word of={severity} />, value: ["severity", ({ severity }) => severity] },
        {
          title: "Endpoint",
          cell: ({ endpoint }) => (
            <Anchor component={Link} to={`/endpoints/${encodeURIComponent(endpoint)}`} size="sm">
              {endpoint}
            </Anchor>
          ),
          value: ["endpoint", ({ endpoint }) => endpoint],
        },
        { title: "Bad since", cell: ({ bad_since }) => <Time at={bad_since} />, value: ["bad since", ({ bad_since }) => bad_since] },
        { title: "Owner", cell: ({ owner }) => owner || "nobody", value: ["owner", ({ owner }) => owner] },
      ]}
      file={{ of: "Incidents", call: api.incidentsPath }}
    />
  );
}
