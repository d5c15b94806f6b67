import { Button, Table, Text, Title } from "@mantine/core";
import { memo, useState } from "react";
import type { KeyValue } from "../api";
import { number } from "../lib/format";

const kShown = 200; // until somebody wants all of them

// Names and values under a title. Drawn again when `pairs` is another array.
export const Pairs = memo(function Pairs({ title, pairs }: { title: string; pairs: KeyValue[] }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? pairs : pairs.slice(0, kShown);
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
            {shown.map(({ key, value }) => (
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
      {shown.length < pairs.length && (
        <Button size="compact-xs" variant="default" mt={6} onClick={() => setAll(true)}>
          Show all {number(pairs.length)}
        </Button>
      )}
    </section>
  );
});

// The last values of a run's metrics.
export const pairsOf = (metrics: { key: string; value: number | string }[]): KeyValue[] => metrics.map(({ key, value }) => ({ key, value: number(value) }));
