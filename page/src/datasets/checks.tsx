import { Stack, Text, Title } from "@mantine/core";
import type { DatasetVersion } from "../api";
import { PlainTable } from "../components/plain_table";
import { number, percent, plural } from "../lib/format";

type Check = DatasetVersion["checks"][number];

const NAMES: Record<string, { name: string; of?: (value: number) => string }> = {
  rows_min: { name: "Rows, at least" },
  rows_max: { name: "Rows, at most" },
  rows_change_max: { name: "Change of rows from the version before", of: percent },
  quarantined_max: { name: "Rows put aside", of: percent },
  missing_max: { name: "Missing values", of: percent },
  unique: { name: "Rows that repeat others" },
  age_max: { name: "Age of the newest row", of: (hours) => plural(hours, "hour") },
  drift_max: { name: "Drift from the version before" },
};

const said = ({ check }: Check, value: number | null) => (value === null ? "no values" : (NAMES[check]?.of ?? number)(value));
const result = ({ holds }: Check) => (holds ? "holds" : "failed");

// How a version's checks came out, in a cell.
export function CheckWords({ checks }: { checks: Check[] }) {
  const failed = checks.filter((check) => !check.holds).length;
  if (checks.length === 0) return "–";
  return failed === 0 ? `${checks.length} hold` : `${failed} of ${checks.length} failed`;
}

// What was checked of the newest version as a whole, beside the limits.
export function Checks({ name, version, rejects, call }: { name: string; version: DatasetVersion; rejects: boolean; call: string }) {
  return (
    <section aria-label="Checks">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Checks of version {version.version}
        </Title>
        <Text size="sm">{rejects ? "A version that fails one is not taken in." : "A version that fails one is taken in and says so."}</Text>
        <PlainTable
          name="Checks"
          minWidth={520}
          rows={version.checks}
          keyOf={({ check, columns }) => `${check} ${columns}`}
          columns={[
            { title: "Check", cell: ({ check }) => NAMES[check]?.name ?? check, value: ["check", ({ check }) => check] },
            { title: "Of", cell: ({ columns }) => columns || "all rows", value: ["columns", ({ columns }) => columns] },
            { title: "Is", kind: "figures", cell: (each) => said(each, each.value), value: ["value", ({ value }) => value] },
            { title: "Limit", kind: "figures", cell: (each) => said(each, each.limit), value: ["limit", ({ limit }) => limit] },
            { title: "Result", cell: (each) => <Text size="sm" fw={each.holds ? 400 : 700}>{result(each)}</Text>, value: ["result", result] },
          ]}
          file={{ of: `Checks of ${name}`, call }}
        />
      </Stack>
    </section>
  );
}
