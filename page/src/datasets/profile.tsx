import { Badge, Group, Stack, Text, Title } from "@mantine/core";
import type { ColumnProfile, DatasetDefinition, DatasetVersion } from "../api";
import { Numbers } from "../components/numbers";
import { PlainTable } from "../components/plain_table";
import { Fact, Facts } from "../components/words";
import { number, percent, plural, readable } from "../lib/format";
import { brokenWords, rulesWords } from "../lib/input_rules";

// What isn't for who looks: its values have a mask.
const kMasked = "masked";
const commonOf = ({ masked, top = [], distinct, rows, missing }: ColumnProfile) => (masked ? kMasked : distinct === rows - missing && top.length > 0 ? "all different" : top.slice(0, 3).map(({ value, rows }) => `${value} (${number(rows)})`).join(", "));
const rangeOf = ({ masked, min, p05, p50, p95, max }: ColumnProfile) =>
  masked ? kMasked : min === undefined || min === null ? "" : p50 === undefined ? `${readable(number(min))} … ${readable(number(max))}` : `${number(min)} · ${number(p05)} · ${number(p50)} · ${number(p95)} · ${number(max)}`;

function Tagged({ name, tags }: { name: string; tags: string[] }) {
  return (
    <Group gap={6}>
      {name}
      {tags.map((tag) => (
        <Badge key={tag} size="sm" variant="default" tt="none" style={{ flexShrink: 0 }}>
          {tag}
        </Badge>
      ))}
    </Group>
  );
}

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
  const mustBe = (each: ColumnProfile) => rulesWords(definition.columns?.[each.name]);
  const broken = Object.entries(violations);
  const rows = () =>
    columns.map((each) => [each.name, each.type, each.missing, each.distinct ?? "", each.min ?? "", each.p05 ?? "", each.p50 ?? "", each.p95 ?? "", each.max ?? "", each.mean ?? "", each.stddev ?? "", commonOf(each), mustBe(each)]);
  return (
    <section aria-label="Columns">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Columns of version {version.version}
        </Title>
        <Facts>
          <Fact name="From">{definition.path ?? (definition.postgres ? `PostgreSQL ${definition.postgres.table ?? "query"}` : "–")}</Fact>
          <Fact name="Key">{definition.key?.join(", ") || "–"}</Fact>
          <Fact name="Event time">{definition.event_time ?? "–"}</Fact>
          <Fact name="Arrival time">{definition.arrival_time ?? "–"}</Fact>
          <Fact name="Rows that break a rule">{definition.on_violation ?? "–"}</Fact>
        </Facts>
        {broken.length > 0 && (
          <Text size="sm">
            {version.flagged > 0 ? `${plural(version.flagged, "row")} flagged` : `${plural(version.quarantined, "row")} put aside`}. Rules broken: {broken.map(([rule, count]) => `${brokenWords(rule)} (${number(count)})`).join("; ")}
          </Text>
        )}
        <PlainTable
          name="Columns"
          minWidth={860}
          rows={columns}
          keyOf={(each) => each.name}
          columns={[
            { title: "Column", cell: (each) => <Tagged name={each.name} tags={definition.columns?.[each.name]?.tags ?? []} />, value: ["column", (each) => each.name] },
            { title: "Type", cell: ({ type }) => type, value: ["type", ({ type }) => type] },
            { title: "Missing", cell: ({ missing, rows }) => (missing === 0 ? "none" : percent(missing / rows)), kind: "figures", isRight: true, hint: ({ missing }) => number(missing), value: ["missing", ({ missing }) => missing] },
            { title: "Distinct", cell: ({ distinct }) => (distinct === null ? "over 100,000" : number(distinct)), kind: "figures", isRight: true, value: ["distinct", ({ distinct }) => (distinct === null ? Infinity : distinct)] },
            { title: "Min · 5 % · median · 95 % · max", cell: rangeOf, kind: "figures", value: ["p50", ({ p50 }) => p50], also: [["min", ({ min }) => min], ["p05", ({ p05 }) => p05], ["p95", ({ p95 }) => p95], ["max", ({ max }) => max]] },
            { title: "Mean", cell: ({ mean }) => (mean === undefined ? "" : number(mean)), kind: "figures", isRight: true, value: ["mean", ({ mean }) => mean] },
            { title: "Most common", cell: commonOf, kind: "break", value: ["most common", commonOf] },
            { title: "Must be", cell: mustBe, kind: "break", value: ["must be", mustBe] },
          ]}
        />
        <Numbers of={`Columns of ${name}`} names={["column", "type", "missing", "distinct", "min", "p05", "p50", "p95", "max", "mean", "stddev", "most common", "must be"]} rows={rows} call={call} />
      </Stack>
    </section>
  );
}
