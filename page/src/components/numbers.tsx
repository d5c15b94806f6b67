// What is shown, to take along: its numbers as CSV, and the call of the API that gave them.
import { Anchor, Group } from "@mantine/core";
import { csv } from "../lib/csv";

const kSaveMs = 60_000; // that a browser may take to read what is saved

interface NumbersProps {
  of: string; // what it is, also the file's name
  names: string[];
  rows: () => unknown[][];
  call?: string | undefined; // an address that GET answers
}

export function Numbers({ of, names, rows, call }: NumbersProps) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([csv(names, rows())], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `${of.replace(/[^\w.-]+/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), kSaveMs);
  };
  return (
    <Group gap={8} wrap="nowrap" className="numbers">
      <Anchor component="button" type="button" size="xs" onClick={save} aria-label={`${of} as CSV`}>
        CSV
      </Anchor>
      {call && (
        <Anchor href={call} size="xs" target="_blank" rel="noreferrer" aria-label={`${of}: the call of the API`} title={`curl '${location.origin}${call}'`}>
          API
        </Anchor>
      )}
    </Group>
  );
}
