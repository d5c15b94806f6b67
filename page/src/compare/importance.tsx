import { Group, Table, Text, Title } from "@mantine/core";
import { Numbers } from "../components/numbers";
import { type Attribute, importance, kRunsForImportance } from "../lib/compare";
import { number } from "../lib/format";

const kDirections = { more: "the more, the higher", less: "the more, the lower", mixed: "depends on which" };

// Which parameters go with the metric. That something goes with it doesn't say that it makes it.
export function ImportanceTable({ parameters, metric }: { parameters: Attribute[]; metric: Attribute }) {
  const found = importance(parameters, metric);
  return (
    <section aria-label="Importance">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          What goes with {metric.name}
        </Title>
        {found.length > 0 && <Numbers of={`what goes with ${metric.name}`} names={["parameter", "strength", "direction", "runs"]} rows={() => found.map((one) => [one.name, one.strength, one.direction, one.runs])} />}
      </Group>
      {found.length === 0 ? (
        <Text size="sm" c="dimmed">
          It takes {kRunsForImportance} runs with the metric and a parameter that changes.
        </Text>
      ) : (
        <>
          <Table verticalSpacing={4} aria-label={`What goes with ${metric.name}`}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Parameter</Table.Th>
                <Table.Th>How closely</Table.Th>
                <Table.Th>{metric.name}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.map(({ name, strength, direction }) => (
                <Table.Tr key={name}>
                  <Table.Td className="break">{name}</Table.Td>
                  <Table.Td>
                    <Group gap={8} wrap="nowrap">
                      <svg width={100} height={10} aria-hidden>
                        <rect width={100} height={10} rx={3} fill="var(--mantine-color-default-hover)" />
                        <rect width={100 * strength} height={10} rx={3} className="bar" />
                      </svg>
                      <span className="figures">{number(strength)}</span>
                    </Group>
                  </Table.Td>
                  <Table.Td>{kDirections[direction]}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          <Text size="xs" c="dimmed" mt={4}>
            Between 0 and 1, one parameter at a time: of numbers the correlation of ranks (Spearman), of texts the correlation ratio.
          </Text>
        </>
      )}
    </section>
  );
}
