import { Button, Group, Table, Text, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";
import type { Run } from "../api";
import { type Call, Numbers } from "../components/numbers";
import { SideScroll } from "../components/side_scroll";
import { type Attribute, colourOf, isDifferent } from "../lib/compare";
import { number, parameter } from "../lib/format";

const kRowsAtFirst = 100;
const kGroups = ["parameter", "metric", "tag"] as const;
const kTitles = { parameter: "Parameters", metric: "Metrics", tag: "Tags" };

interface DifferencesProps {
  runs: Run[];
  labels: string[];
  attributes: Attribute[];
  call: Call; // that gave the runs
  children: ReactNode; // what chooses
}

// A column for each run, a row for each thing that they say.
export function Differences({ runs, labels, attributes, call, children }: DifferencesProps) {
  const [isAll, setAll] = useState(false);
  const isLong = kGroups.some((group) => attributes.filter((one) => one.group === group).length > kRowsAtFirst);
  return (
    <section aria-label="Values">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Values
        </Title>
        <Group gap="md">
          {children}
          <Numbers of="runs" call={call} names={["run_id", "run", ...attributes.map(({ group, name }) => (attributes.some((other) => other.name === name && other.group !== group) ? `${group} ${name}` : name))]} rows={() => runs.map(({ info }, at) => [info.run_id, labels[at], ...attributes.map(({ values }) => values[at])])} />
        </Group>
      </Group>
      {isLong && (
        <Button size="compact-xs" variant="default" mb="xs" onClick={() => setAll(!isAll)}>
          {isAll ? `The first ${kRowsAtFirst} of each` : `All ${attributes.length}`}
        </Button>
      )}
      {attributes.length === 0 ? (
        <Text size="sm">These runs say the same.</Text>
      ) : (
        <SideScroll name="Values" minWidth={200 + 110 * runs.length}>
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
            {kGroups.map((group) => {
              const of = attributes.filter((one) => one.group === group);
              const rows = isAll ? of : of.slice(0, kRowsAtFirst);
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
                        <Table.Td key={runs[at]?.info.run_id} ta="right" className="figures break" title={value === null ? undefined : String(value)}>
                          {typeof value === "string" ? parameter(value) : number(value)}
                        </Table.Td>
                      ))}
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              );
            })}
          </Table>
        </SideScroll>
      )}
    </section>
  );
}
