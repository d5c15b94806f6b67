import { Anchor, Group, Table, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Action, Alert } from "../api";
import { Empty } from "../components/loaded";
import { Time, Word } from "../components/words";
import { featureParts, number, percent, plural } from "../lib/format";

const kCausesShown = 4;

export function AlertsTable({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) return <Empty title="No alert so far." />;
  return (
    <Table.ScrollContainer minWidth={950}>
      <Table verticalSpacing="xs" aria-label="Alerts">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Opened</Table.Th>
            <Table.Th>Alert</Table.Th>
            <Table.Th>Value</Table.Th>
            <Table.Th>Causes: inputs that moved most</Table.Th>
            <Table.Th>Action</Table.Th>
            <Table.Th>State</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {alerts.map((alert) => (
            <Table.Tr key={alert.id}>
              <Table.Td>
                <Time at={alert.time} />
              </Table.Td>
              <Table.Td>
                <b>{alert.alert}</b>
                <Text size="xs" c="dimmed">
                  {plural(alert.windows, alert.window)}
                </Text>
              </Table.Td>
              <Table.Td className="figures">
                {number(alert.value)}
                <Text size="xs" c="dimmed" className="nowrap">
                  {alert.metric}, limit {number(alert.threshold)}
                </Text>
              </Table.Td>
              <Table.Td>
                <Causes alert={alert} />
              </Table.Td>
              <Table.Td maw={300}>
                <Deed action={alert.action} />
              </Table.Td>
              <Table.Td>
                <Word of={alert.state} />
                {alert.resolved && (
                  <Text size="xs" c="dimmed">
                    <Time at={alert.resolved} />
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Causes({ alert }: { alert: Alert }) {
  if (alert.causes.length === 0) return <>no input moved</>;
  return (
    <Group gap="0 10px">
      {alert.causes.slice(0, kCausesShown).map((cause) => {
        const { view, column } = featureParts(cause.feature);
        const how = cause.how === "missing_rate" ? `${percent(cause.missing_rate)} missing` : `PSI ${number(cause.psi)}`;
        return (
          <Text key={cause.feature} size="xs" title={`${cause.feature}: ${how}`} className="nowrap">
            {view && <span className="dim">{view}.</span>}
            {column} <b>{how}</b>
          </Text>
        );
      })}
    </Group>
  );
}

function Deed({ action }: { action: Action | null }) {
  if (!action) return <>–</>;
  return (
    <>
      <Group gap={6}>
        <Word of={action.state} />
        {action.run_id ? (
          <Anchor component={Link} to={`/pipeline-runs/${action.run_id}`} size="sm">
            {action.kind}
          </Anchor>
        ) : (
          <Text size="sm">{action.kind}</Text>
        )}
      </Group>
      {action.reason && (
        <Text size="xs" c="dimmed">
          {action.reason}
        </Text>
      )}
    </>
  );
}
