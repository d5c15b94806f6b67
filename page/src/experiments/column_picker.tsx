// Which columns a table of runs has: all that the experiment knows can be found by their letters.
import { Button, Checkbox, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api } from "../api";
import { Dialog } from "../components/dialog";
import { useKept, useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { useSettled } from "../components/settled";
import { number } from "../lib/format";
import { kAttributes, kindWord, titleOf } from "../lib/run_table";
import "./column_picker.css";

const kListed = 200;
const kPauseMs = 200; // after a letter, before the server is asked
const kColumnsMax = 190; // one page of rows can have 200, some of them for every table

interface ColumnPickerProps {
  experiment: string;
  columns: string[];
  set: (columns: string[] | null) => void;
  close: () => void;
}

export function ColumnPicker({ experiment, columns, set, close }: ColumnPickerProps) {
  const [letters, setLetters] = useState("");
  const asked = useSettled(letters.trim(), kPauseMs);
  const found = useKept(useLive((signal) => api.runColumns(experiment, "", asked, kListed, signal), `${experiment} ${asked}`, 60));
  const fits = (column: string) => `${column} ${titleOf(column)}`.toLowerCase().includes(letters.trim().toLowerCase());
  const change = (names: string[], are: boolean) => set([...columns.filter((one) => are || !names.includes(one)), ...(are ? names.filter((one) => !columns.includes(one)) : [])].slice(0, kColumnsMax));
  const list = (names: string[], details: Map<string, number>) => (
    <ul className="columns-list">
      {names.map((name) => (
        <li key={name}>
          <Checkbox
            size="xs"
            checked={columns.includes(name)}
            onChange={(event) => change([name], event.currentTarget.checked)}
            label={
              <>
                {titleOf(name)} <span className="dim">{[kindWord(name), details.has(name) && `in ${number(details.get(name))}`].filter(Boolean).join(", ")}</span>
              </>
            }
          />
        </li>
      ))}
    </ul>
  );
  return (
    <Dialog title="Columns" size="lg" close={close}>
      <Stack gap="sm">
        <TextInput data-autofocus aria-label="Find columns" placeholder="Letters of a metric, a parameter, a tag" value={letters} onChange={(event) => setLetters(event.currentTarget.value)} />
        <Loaded from={found}>
          {({ total, columns: all }) => {
            const names = all.map(({ name }) => name);
            const listed = [...columns.filter((one) => fits(one) && !kAttributes.includes(one)), ...names.filter((one) => !columns.includes(one))];
            const new_ = names.filter((one) => !columns.includes(one));
            return (
              <>
                <Group gap="xs">
                  <Button size="compact-xs" variant="default" disabled={new_.length === 0} onClick={() => change(names, true)}>
                    Show these {number(names.length)}
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => change([...names, ...columns.filter(fits)], false)}>
                    Hide these
                  </Button>
                  <Button size="compact-xs" variant="default" onClick={() => set(null)}>
                    As at first
                  </Button>
                  <Text size="xs" c="dimmed" role="status">
                    {number(columns.length)} shown{columns.length >= kColumnsMax && `, ${kColumnsMax} at most`}. {total > names.length && `The ${number(names.length)} commonest of ${number(total)} are here: type letters for the others.`}
                  </Text>
                </Group>
                {list(kAttributes.filter(fits), new Map())}
                {list(listed, new Map(all.map(({ name, runs }) => [name, runs])))}
                {listed.length === 0 && kAttributes.filter(fits).length === 0 && <Text size="sm">No column has these letters.</Text>}
              </>
            );
          }}
        </Loaded>
      </Stack>
    </Dialog>
  );
}
