import { Table, Text, Title } from "@mantine/core";
import type { KeyValue } from "../api";

// Names and values under a title.
export function Pairs({ title, pairs }: { title: string; pairs: KeyValue[] }) {
  return (
    <section aria-label={title}>
      <Title order={2} size="h5" mb={6}>
        {title}
      </Title>
      {pairs.length === 0 ? (
        <Text size="sm" c="dimmed">
          none
        </Text>
      ) : (
        <Table aria-label={title} layout="fixed">
          <Table.Tbody>
            {pairs.map(({ key, value }) => (
              <Table.Tr key={key}>
                <Table.Td className="break" c="dimmed">
                  {key}
                </Table.Td>
                <Table.Td className="break">{value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </section>
  );
}
