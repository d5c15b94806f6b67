// What is shown, to take along: its numbers as CSV, and the call of the API that gave them.
import { Anchor, Group, Text } from "@mantine/core";
import { useState } from "react";
import { csv } from "../lib/csv";
import { told } from "../lib/problem";

const kSaveMs = 60_000; // that a browser may take to read what is saved

interface NumbersProps {
  of: string; // what it is, also the file's name
  names: string[];
  rows: () => unknown[][] | Promise<unknown[][]>;
  call?: string | undefined; // an address that GET answers
}

export function Numbers({ of, names, rows, call }: NumbersProps) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const save = async () => {
    const address = URL.createObjectURL(new Blob([csv(names, await rows())], { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `${of.replace(/[^\w.-]+/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), kSaveMs);
  };
  const start = () => {
    if (isBusy) return;
    setBusy(true);
    setProblem("");
    void save()
      .catch((one: unknown) => setProblem(told(one)))
      .finally(() => setBusy(false));
  };
  return (
    <Group gap={8} wrap="nowrap" className="numbers">
      <Anchor component="button" type="button" size="xs" onClick={start} aria-label={`${of} as CSV`} aria-busy={isBusy}>
        CSV
      </Anchor>
      {call && (
        <Anchor href={call} size="xs" target="_blank" rel="noreferrer" aria-label={`${of}: the call of the API`} title={`curl '${location.origin}${call}'`}>
          API
        </Anchor>
      )}
      {problem && (
        <Text size="xs" c="red" role="alert">
          {problem}
        </Text>
      )}
    </Group>
  );
}
