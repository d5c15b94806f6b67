import { Card, Group, Stack, Table, Text } from "@mantine/core";
import { api, type ExplainedFeature } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { Fact, Time, Word } from "../components/words";
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
          <Group gap="xl">
            <Fact name="Event time">
              <Time at={data.event_time} />
            </Fact>
            {Object.entries(data.asked).map(([name, value]) => (
              <Fact key={name} name={name}>
                {number(value)}
              </Fact>
            ))}
          </Group>
          {data.features.map((each) => (
            <Value key={each.feature} of={each} />
          ))}
        </Stack>
      )}
    </Loaded>
  );
}

function Value({ of }: { of: ExplainedFeature }) {
  return (
    <Card withBorder padding="sm" aria-label={of.feature} component="section">
      <Group gap="sm" mb={of.rows.length > 0 ? "xs" : 0}>
        <b>{of.feature}</b>
        {of.same !== null && <Word of={of.same ? "agrees" : "differs"} />}
        <Text size="sm">
          {number(of.served)} served
          {of.same === false && `, ${number(of.recomputed)} right`}
        </Text>
        {of.reasons.map((reason) => (
          <Text key={reason.reason + reason.detail} size="sm" c="dimmed">
            {reason.reason}
            {reason.detail && ` (${reason.detail})`}
          </Text>
        ))}
      </Group>
      {of.rows.length > 0 && (
        <Table verticalSpacing={4} aria-label={`Rows of ${of.feature}`}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Event time</Table.Th>
              <Table.Th>Arrived</Table.Th>
              <Table.Th>Value</Table.Th>
              <Table.Th>Known when served</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {of.rows.map((row, index) => (
              <Table.Tr key={index}>
                <Table.Td>
                  <Time at={row.event_time} />
                </Table.Td>
                <Table.Td>
                  <Time at={row.arrival_time} />
                </Table.Td>
                <Table.Td>{number(row.value)}</Table.Td>
                <Table.Td>{row.known ? "yes" : "no, it came later"}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {of.rows_in_window > of.rows.length && (
        <Text size="xs" c="dimmed">
          The first {of.rows.length} of {plural(of.rows_in_window, "row")}.
        </Text>
      )}
    </Card>
  );
}
