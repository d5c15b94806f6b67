import { Group, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Run } from "../api";
import { Numbers } from "../components/numbers";
import { type Attribute, colourOf, isDifferent } from "../lib/compare";
import { shown } from "./compare";

const kTitles = { parameter: "Parameters", metric: "Metrics", tag: "Tags" };

interface DifferencesProps {
  runs: Run[];
  labels: string[];
  attributes: Attribute[];
  children: ReactNode; // what chooses
}

// A column for each run, a row for each thing that they say.
export function Differences({ runs, labels, attributes, children }: DifferencesProps) {
  return (
    <section aria-label="Values">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Values
        </Title>
        <Group gap="md">
          {children}
          <Numbers of="runs" names={["run_id", "run", ...attributes.map(({ name }) => name)]} rows={() => runs.map(({ info }, at) => [info.run_id, labels[at], ...attributes.map(({ values }) => values[at])])} />
        </Group>
      </Group>
      {attributes.length === 0 ? (
        <Text size="sm">These runs say the same.</Text>
      ) : (
        <Table.ScrollContainer minWidth={200 + 110 * runs.length}>
          <Table verticalSpacing={4} aria-label="Values">
            <Table.Thead>
              <Table.Tr>
                <Table.Th className="values-name">What</Table.Th>
                {runs.map(({ info }, at) => (
                  <Table.Th key={info.run_id} ta="right" className="break">
                    <span className="run-colour" style={{ background: colourOf(at) }} aria-hidden />
                    {labels[at]}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            {(["parameter", "metric", "tag"] as const).map((group) => {
              const rows = attributes.filter((one) => one.group === group);
              if (rows.length === 0) return null;
              return (
                <Table.Tbody key={group}>
                  <Table.Tr>
                    <Table.Th colSpan={runs.length + 1} scope="colgroup">
                      {kTitles[group]}
                    </Table.Th>
                  </Table.Tr>
                  {rows.map((row) => (
                    <Table.Tr key={row.name} data-different={isDifferent(row) || undefined}>
                      <Table.Th scope="row" fw={400} className="values-name break">
                        {row.name}
                      </Table.Th>
                      {row.values.map((value, at) => (
                        <Table.Td key={runs[at]?.info.run_id} ta="right" className="figures break">
                          {shown(value)}
                        </Table.Td>
                      ))}
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              );
            })}
          </Table>
        </Table.ScrollContainer>
      )}
    </section>
  );
}
