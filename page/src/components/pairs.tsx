import { Button, Group, Table, Text, Title } from "@mantine/core";
import { memo, useState } from "react";
import { number } from "../lib/format";
import { Numbers } from "./numbers";

const kShown = 200; // until somebody wants all of them

interface Pair {
  key: string;
  value: string | number;
}

// Names and values under a title; `call` gave them. Drawn again when `pairs` is another array.
export const Pairs = memo(function Pairs({ title, pairs, call }: { title: string; pairs: Pair[]; call?: string | undefined }) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? pairs : pairs.slice(0, kShown);
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb={6}>
        <Title order={2} size="h5">
          {title}
        </Title>
        {pairs.length > 0 && <Numbers of={title.toLowerCase()} call={call} names={["name", "value"]} rows={() => pairs.map(({ key, value }) => [key, value])} />}
      </Group>
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
                <Table.Td className="break">{typeof value === "number" ? number(value) : value}</Table.Td>
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
