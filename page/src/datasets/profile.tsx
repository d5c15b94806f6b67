import { Group, Stack, Table, Text, Title } from "@mantine/core";
import type { ColumnProfile, ColumnRule, DatasetDefinition, DatasetVersion } from "../api";
import { Numbers } from "../components/numbers";
import { Fact } from "../components/words";
import { number, percent, plural } from "../lib/format";

// What a column must be, as slipway.yaml says.
export function ruleWords(rule: ColumnRule | undefined): string {
  if (!rule) return "";
  const range = rule.min !== undefined && rule.max !== undefined ? `${rule.min} to ${rule.max}` : rule.min !== undefined ? `at least ${rule.min}` : rule.max !== undefined ? `at most ${rule.max}` : "";
  return [rule.required ? "required" : "", rule.type ?? "", range, rule.in ? `one of ${rule.in.join(", ")}` : ""].filter(Boolean).join(", ");
}

const commonOf = ({ top = [] }: ColumnProfile) => top.slice(0, 3).map(({ value, rows }) => `${value} (${number(rows)})`).join(", ");
const rangeOf = ({ min, p05, p50, p95, max }: ColumnProfile) =>
  min === undefined || min === null ? "" : p50 === undefined ? `${number(min)} … ${number(max)}` : `${number(min)} · ${number(p05)} · ${number(p50)} · ${number(p95)} · ${number(max)}`;

interface ProfileProps {
  name: string;
  definition: DatasetDefinition;
  version: DatasetVersion;
  columns: ColumnProfile[];
  violations: Record<string, number>;
  call: string;
}

// The newest version: its columns, what is in them and what they must be.
export function Profile({ name, definition, version, columns, violations, call }: ProfileProps) {
  const broken = Object.entries(violations);
  const rows = () =>
    columns.map((each) => [each.name, each.type, each.missing, each.distinct ?? "", each.min ?? "", each.p05 ?? "", each.p50 ?? "", each.p95 ?? "", each.max ?? "", each.mean ?? "", each.stddev ?? "", commonOf(each), ruleWords(definition.columns?.[each.name])]);
  return (
    <section aria-label="Columns">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Columns of version {version.version}
        </Title>
        <Group gap="xl">
          <Fact name="From">{definition.path ?? (definition.postgres ? `PostgreSQL ${definition.postgres.table ?? "query"}` : "–")}</Fact>
          <Fact name="Key">{definition.key?.join(", ") || "–"}</Fact>
          <Fact name="Event time">{definition.event_time ?? "–"}</Fact>
          <Fact name="Arrival time">{definition.arrival_time ?? "–"}</Fact>
          <Fact name="Rows that break a rule">{definition.on_violation ?? "–"}</Fact>
        </Group>
        {broken.length > 0 && (
          <Text size="sm">
            {plural(version.quarantined, "row")} put aside: {broken.map(([rule, count]) => `${rule}: ${number(count)}`).join("; ")}
          </Text>
        )}
        <Table.ScrollContainer minWidth={860}>
          <Table verticalSpacing="xs" aria-label="Columns">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Column</Table.Th>
                <Table.Th>Type</Table.Th>
                <Table.Th ta="right">Missing</Table.Th>
                <Table.Th ta="right">Distinct</Table.Th>
                <Table.Th>Least · 5 % · half · 95 % · most</Table.Th>
                <Table.Th ta="right">Mean</Table.Th>
                <Table.Th>Most common</Table.Th>
                <Table.Th>Must be</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {columns.map((each) => (
                <Table.Tr key={each.name}>
                  <Table.Td>{each.name}</Table.Td>
                  <Table.Td>{each.type}</Table.Td>
                  <Table.Td ta="right" className="figures" title={number(each.missing)}>
                    {each.missing === 0 ? "none" : percent(each.missing / each.rows)}
                  </Table.Td>
                  <Table.Td ta="right" className="figures">
                    {each.distinct === null ? "over 100,000" : number(each.distinct)}
                  </Table.Td>
                  <Table.Td className="figures">{rangeOf(each)}</Table.Td>
                  <Table.Td ta="right" className="figures">
                    {each.mean === undefined ? "" : number(each.mean)}
                  </Table.Td>
                  <Table.Td className="break">{commonOf(each)}</Table.Td>
                  <Table.Td className="break">{ruleWords(definition.columns?.[each.name])}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
        <Numbers of={`Columns of ${name}`} names={["column", "type", "missing", "distinct", "min", "p05", "p50", "p95", "max", "mean", "stddev", "most common", "must be"]} rows={rows} call={call} />
      </Stack>
    </section>
  );
}
