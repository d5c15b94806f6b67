import { Badge, Group, Table, Text } from "@mantine/core";
import type { Gate, Revision } from "../api";
import { Time, Word } from "../components/words";
import { percent } from "../lib/format";

interface LedgerProps {
  revisions: Revision[];
  gates: Gate[];
  current: number | undefined;
  lastGood: number | null;
}

function serves(revision: Revision): string {
  return revision.variants
    .filter((variant) => variant.role === "live")
    .map((variant) => (variant.weight === 10_000 ? `v${variant.version}` : `v${variant.version} ${percent(variant.weight / 10_000)}`))
    .join(" + ");
}

// The verdict that let the newest of these versions become a version.
function verdictOn(revision: Revision, gates: Gate[]): Gate | undefined {
  const newest = Math.max(...revision.variants.filter((each) => each.role === "live").map((each) => each.version));
  return gates.find((gate) => gate.promoted_version === newest);
}

// What answered, since when, by whom and why; newest first.
export function Ledger({ revisions, gates, current, lastGood }: LedgerProps) {
  return (
    <Table.ScrollContainer minWidth={900}>
      <Table verticalSpacing="xs" aria-label="Ledger">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Revision</Table.Th>
            <Table.Th>Change</Table.Th>
            <Table.Th>Serves</Table.Th>
            <Table.Th>Event time</Table.Th>
            <Table.Th>Who</Table.Th>
            <Table.Th>Why</Table.Th>
            <Table.Th>Verdict</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {revisions.map((revision) => {
            const gate = verdictOn(revision, gates);
            return (
              <Table.Tr key={revision.number} data-current={revision.number === current || undefined}>
                <Table.Td>
                  <Group gap={6} wrap="nowrap">
                    <b>{revision.number}</b>
                    {revision.number === current && <Badge size="xs">now</Badge>}
                    {revision.number === lastGood && (
                      <Badge size="xs" color="teal" variant="light" className="word">
                        last good
                      </Badge>
                    )}
                  </Group>
                </Table.Td>
                <Table.Td>
                  <Word of={revision.kind} />
                  {revision.restores !== null && (
                    <Text size="xs" c="dimmed">
                      restores {revision.restores}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td className="nowrap">{serves(revision)}</Table.Td>
                <Table.Td>
                  <Time at={revision.time} />
                </Table.Td>
                <Table.Td>{revision.actor}</Table.Td>
                <Table.Td maw={340}>{revision.reason || "–"}</Table.Td>
                <Table.Td>
                  {gate ? (
                    <span title={gate.sentence}>
                      <Word of={gate.verdict} />
                    </span>
                  ) : (
                    "–"
                  )}
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
