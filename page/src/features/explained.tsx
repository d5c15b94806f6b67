import { Card, Group, Stack, Text } from "@mantine/core";
import { api, type ExplainedFeature } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Fact, Facts, Time, Word } from "../components/words";
import { number, plural } from "../lib/format";

interface ExplainedProps {
  endpoint: string;
  request: string;
  feature: string; // empty: all
}

// A served request: each value, what it should have been, and the rows it comes from.
export function Explained({ endpoint, request, feature }: ExplainedProps) {
  const explained = useLive((signal) => api.explain(endpoint, request, feature, signal), `${endpoint}/${request}/${feature}`, 60);
  return (
    <Loaded from={explained}>
      {(data) => (
        <Stack gap="sm">
          <Facts>
            <Fact name="Event time">
              <Time at={data.event_time} />
            </Fact>
            {Object.entries(data.asked).map(([name, value]) => (
              <Fact key={name} name={name}>
                {number(value)}
              </Fact>
            ))}
          </Facts>
          {data.features.map((each) => (
            <Value key={each.feature} of={each} call={api.explainPath(endpoint, request, feature)} />
          ))}
        </Stack>
      )}
    </Loaded>
  );
}

function Value({ of, call }: { of: ExplainedFeature; call: string }) {
  return (
    <Card withBorder padding="sm" aria-label={of.feature} component="section">
      <Group gap="sm" mb={of.rows.length > 0 ? "xs" : 0}>
        <b>{of.feature}</b>
        {of.same !== null && <Word of={of.same ? "agrees" : "differs"} />}
        <Text size="sm">
          {number(of.served)} served
          {of.same === false && `, ${number(of.recomputed)} recomputed`}
        </Text>
        {of.reasons.map((reason) => (
          <Text key={reason.reason + reason.detail} size="sm" c="dimmed">
            {reason.reason}
            {reason.detail && ` (${reason.detail})`}
          </Text>
        ))}
      </Group>
      {of.rows.length > 0 && (
        <PlainTable
          name={`Rows of ${of.feature}`}
          minWidth={420}
          rows={of.rows}
          keyOf={(_, index) => index}
          file={{ of: `rows of ${of.feature}`, call }}
          columns={[
            { title: "Event time", cell: ({ event_time }) => <Time at={event_time} />, value: ["event_time", ({ event_time }) => event_time] },
            { title: "Arrived", cell: ({ arrival_time }) => <Time at={arrival_time} />, value: ["arrival_time", ({ arrival_time }) => arrival_time] },
            { title: "Value", cell: ({ value }) => number(value), kind: "figures", value: ["value", ({ value }) => value] },
            { title: "Known when served", cell: ({ known }) => (known ? "yes" : "no, it came later"), value: ["known", ({ known }) => known] },
          ]}
        />
      )}
      {of.rows_in_window > of.rows.length && (
        <Text size="xs" c="dimmed">
          The first {of.rows.length} of {plural(of.rows_in_window, "row")}.
        </Text>
      )}
    </Card>
  );
}
