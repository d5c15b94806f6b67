// The run that this one is a part of, and those that are parts of it, as MLflow's client nests them.
import { Anchor, Group, Text, Title } from "@mantine/core";
import { Link } from "react-router";
import { api, ifAbsent, type Run, type RunTable } from "../api";
import { useLive } from "../components/live";
import { Word } from "../components/words";
import { plural } from "../lib/format";
import { rowsOf } from "../lib/rows";

export const kChildrenShown = 50;

const parentOf = ({ data }: Run) => data.tags?.find(({ key }) => key === "mlflow.parentRunId")?.value;

export function ParentRun({ run }: { run: Run }) {
  const id = parentOf(run);
  const found = useLive((signal) => (id ? ifAbsent(api.run(id, signal), undefined) : Promise.resolve(undefined)), id ?? "", Infinity);
  if (!id) return null;
  return (
    <Text size="sm">
      A part of{" "}
      <Anchor component={Link} to={`/runs/${encodeURIComponent(id)}`} underline="always" className="break">
        {found.data?.info.run_name || id}
      </Anchor>
    </Text>
  );
}

export function ChildRuns({ run, table }: { run: Run; table: RunTable }) {
  const { run_id: id, experiment_id: experiment } = run.info;
  const runs = rowsOf(table).map((row) => ({ id: row.id, name: String(row.values.get("attributes.run_name") || row.id), status: String(row.values.get("attributes.status")) }));
  const all = `/experiments/${encodeURIComponent(experiment)}?${new URLSearchParams({ filter: api.runsOfParentFilter(id) })}`;
  if (runs.length === 0) return null;
  return (
    <section aria-label="Child runs">
      <Group gap="md" mb={6}>
        <Title order={2} size="h5">
          {runs.length < table.total ? `The newest ${plural(runs.length, "child run")}` : plural(runs.length, "child run")}
        </Title>
        <Anchor component={Link} size="sm" to={all}>
          In the table
        </Anchor>
        {runs.length > 1 && (
          <Anchor component={Link} size="sm" to={`/compare?${new URLSearchParams(runs.map((one) => ["runs", one.id]))}`}>
            Compare
          </Anchor>
        )}
      </Group>
      <Group component="ul" gap="4px 16px" className="run-keys">
        {runs.map((one) => (
          <li key={one.id} className="break">
            <Anchor component={Link} size="sm" to={`/runs/${one.id}`}>
              {one.name}
            </Anchor>{" "}
            {one.status !== "FINISHED" && <Word of={one.status} />}
          </li>
        ))}
      </Group>
    </section>
  );
}
