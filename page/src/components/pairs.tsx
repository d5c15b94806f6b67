import { Button, Group, Table, Text, Title } from "@mantine/core";
import { memo, type ReactNode, useState } from "react";
import { number } from "../lib/format";
import { Numbers } from "./numbers";

const kShown = 200; // until somebody wants all of them

export interface Pair {
  key: string;
  value: string | number;
}

interface PairsProps {
  title: string;
  pairs: Pair[];
  call?: string | undefined; // gave them
  add?: ReactNode; // what adds one
  deeds?: (pair: Pair) => ReactNode; // what may be done with one
}

// Names and values under a title. Drawn again when `pairs` is another array.
export const Pairs = memo(function Pairs({ title, pairs, call, add, deeds }: PairsProps) {
  const [isAll, setAll] = useState(false);
  const shown = isAll ? pairs : pairs.slice(0, kShown);
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb={6}>
        <Title order={2} size="h5">
          {title}
        </Title>
        <Group gap={8} wrap="nowrap">
          {add}
          {pairs.length > 0 && <Numbers of={title.toLowerCase()} call={call} names={["name", "value"]} rows={() => pairs.map(({ key, value }) => [key, value])} />}
        </Group>
      </Group>
      {pairs.length === 0 ? (
        <Text size="sm" c="dimmed">
          none
        </Text>
      ) : (
        <Table aria-label={title} layout="fixed">
          <Table.Tbody>
            {shown.map((pair) => (
              <Table.Tr key={pair.key}>
                <Table.Td className="break" c="dimmed">
                  {pair.key}
                </Table.Td>
                <Table.Td className="break">{typeof pair.value === "number" ? number(pair.value) : pair.value}</Table.Td>
                {deeds && <Table.Td w={110}>{deeds(pair)}</Table.Td>}
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
