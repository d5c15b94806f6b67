// What is done with several chosen things at once, after it was asked about.
import { Button, Checkbox, List, Text } from "@mantine/core";
import { useState } from "react";
import { plural } from "../lib/format";
import { told } from "../lib/problem";
import { EditDialog } from "./editor";

const kNamesShown = 10;

interface BulkProps {
  verb: "Delete" | "Restore";
  noun: string; // "run"
  chosen: { id: string; name: string }[];
  act: (id: string) => Promise<unknown>;
  changed: (ids: string[]) => void; // those that it was done with
  words: string; // what it means
}

// One after the other; where one fails, the dialog says how far it came, and goes on with the rest when it is told to.
export function Bulk({ verb, noun, chosen, act, changed, words }: BulkProps) {
  const [asked, setAsked] = useState<BulkProps["chosen"]>();
  const each = async () => {
    const done: string[] = [];
    try {
      for (const { id } of asked ?? []) {
        await act(id);
        done.push(id);
      }
    } catch (problem) {
      setAsked((before) => before?.filter(({ id }) => !done.includes(id)));
      throw new Error(`${done.length} of ${plural(asked?.length ?? 0, noun)} done; ${asked?.[done.length]?.name}: ${told(problem)}`);
    } finally {
      if (done.length > 0) changed(done);
    }
  };
  return (
    <>
      <Button size="xs" variant="default" disabled={chosen.length === 0} onClick={() => setAsked(chosen)}>
        {chosen.length === 0 ? verb : `${verb} ${plural(chosen.length, noun)}`}
      </Button>
      {asked && (
        <EditDialog title={`${verb} ${plural(asked.length, noun)}?`} verb={verb} {...(verb === "Delete" && { color: "red" })} fields={[]} close={() => setAsked(undefined)} act={each}>
          <List size="sm">
            {asked.slice(0, kNamesShown).map(({ id, name }) => (
              <List.Item key={id}>{name}</List.Item>
            ))}
            {asked.length > kNamesShown && <List.Item>and {asked.length - kNamesShown} more</List.Item>}
          </List>
          <Text size="sm">{words}</Text>
        </EditDialog>
      )}
    </>
  );
}

// In a row of a table: whether it is chosen.
export function Choose({ name, id, chosen, set }: { name: string; id: string; chosen: string[]; set: (ids: string[]) => void }) {
  return <Checkbox size="xs" aria-label={`Choose ${name}`} checked={chosen.includes(id)} onChange={(event) => set(event.currentTarget.checked ? [...chosen, id] : chosen.filter((one) => one !== id))} />;
}
