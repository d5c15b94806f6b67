// What is shown, to take along: its numbers as CSV, and the call of the API that gave them.
import { Anchor, Group, Text } from "@mantine/core";
import { useState } from "react";
import { csv } from "../lib/csv";
import { told } from "../lib/problem";

const kSaveMs = 60_000; // that a browser may take to read what is saved

// Of the API: an address that GET answers, or what is posted to one.
export type Call = string | { path: string; body: object };

interface NumbersProps {
  of: string; // what it is, also the file's name
  names: string[];
  rows: () => unknown[][] | Promise<unknown[][]>;
  call?: Call | undefined;
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
      {typeof call === "string" && (
        <Anchor href={call} size="xs" target="_blank" rel="noreferrer" aria-label={`${of}: the call of the API`} title={`curl '${location.origin}${call}'`}>
          API
        </Anchor>
      )}
      {typeof call === "object" && <Posted of={of} {...call} />}
      {problem && (
        <Text size="xs" c="red" role="alert">
          {problem}
        </Text>
      )}
    </Group>
  );
}

// A browser can't follow what is posted: the command is copied.
function Posted({ of, path, body }: { of: string; path: string; body: object }) {
  const [said, setSaid] = useState("");
  const command = `curl -H 'Content-Type: application/json' -d '${JSON.stringify(body).replaceAll("'", "'\\''")}' '${location.origin}${path}'`;
  const copy = () =>
    void navigator.clipboard.writeText(command).then(
      () => setSaid("copied"),
      () => setSaid("the browser does not allow to copy"),
    );
  return (
    <>
      <Anchor component="button" type="button" size="xs" onClick={copy} aria-label={`Copy ${of}: the call of the API`} title={command}>
        API
      </Anchor>
      <Text size="xs" c="dimmed" role="status">
        {said}
      </Text>
    </>
  );
}
