import { Group, Text, Title } from "@mantine/core";
import type { Call } from "../components/numbers";
import { PlainTable } from "../components/plain_table";
import { type Attribute, importance, kRunsForImportance } from "../lib/compare";
import { number } from "../lib/format";

function Strength({ of }: { of: number }) {
  return (
    <Group gap={8} wrap="nowrap">
      <svg width={100} height={10} aria-hidden>
        <rect width={100} height={10} rx={3} fill="var(--mantine-color-default-hover)" />
        <rect width={100 * of} height={10} rx={3} className="bar" />
      </svg>
      <span className="figures">{number(of)}</span>
    </Group>
  );
}

const kDirections = { more: "the more, the higher", less: "the more, the lower", mixed: "depends on which" };

// Which parameters go with the metric. That something goes with it doesn't say that it makes it.
export function ImportanceTable({ parameters, metric, call }: { parameters: Attribute[]; metric: Attribute; call: Call }) {
  const found = importance(parameters, metric);
  return (
    <section aria-label="Importance">
      <Title order={2} size="h4" mb="xs">
        What goes with {metric.name}
      </Title>
      {found.length === 0 ? (
        <Text size="sm" c="dimmed">
          It takes {kRunsForImportance} runs with the metric and a parameter that changes.
        </Text>
      ) : (
        <>
          <PlainTable
            name={`What goes with ${metric.name}`}
            minWidth={320}
            rows={found}
            keyOf={({ name }) => name}
            file={{ of: `what goes with ${metric.name}`, call }}
            columns={[
              { title: "Parameter", cell: ({ name }) => name, kind: "break", value: ["parameter", ({ name }) => name] },
              { title: "How closely", cell: ({ strength }) => <Strength of={strength} />, value: ["strength", ({ strength }) => strength] },
              { title: metric.name, cell: ({ direction }) => kDirections[direction], value: ["direction", ({ direction }) => direction] },
              { title: "Runs", cell: ({ runs }) => runs, kind: "figures", value: ["runs", ({ runs }) => runs] },
            ]}
          />
          <Text size="xs" c="dimmed" mt={4}>
            Between 0 and 1, one parameter at a time: of numbers the correlation of ranks (Spearman), of texts the correlation ratio.
          </Text>
        </>
      )}
    </section>
  );
}
