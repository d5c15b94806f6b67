import { Group, Stack, Text, Title } from "@mantine/core";
import type { Gate } from "../api";
import { Time, Word } from "./words";

// What gates have said of a model's versions, newest first.
export function Verdicts({ gates }: { gates: Gate[] }) {
  if (gates.length === 0) return null;
  return (
    <section aria-label="Verdicts of the gate">
      <Title order={2} size="h4" mb="xs">
        Verdicts of the gate
      </Title>
      <Stack gap="xs">
        {gates.map((gate) => (
          <Group key={gate.id} gap="sm" wrap="nowrap" align="flex-start">
            <Word of={gate.verdict} />
            <div>
              <Text size="sm">{gate.sentence}</Text>
              <Text size="xs" c="dimmed">
                <Time at={gate.time} />
                {gate.champion_version !== null && `, against version ${gate.champion_version}`}
                {gate.promoted_version !== null && `, became version ${gate.promoted_version}`}
              </Text>
            </div>
          </Group>
        ))}
      </Stack>
    </section>
  );
}
