import { Button, Group, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useSearchParams } from "react-router";
import { kLastSeconds, kSpanKeys, readSpan, timeOf, typedOf } from "../lib/span";

const kBetween = "between";

interface SpanBoxProps {
  none: string; // what is shown while no time is chosen
  drops?: string[]; // parts of the address that mean something else in another span
}

// Which time a screen shows, in its address: a span up to now, or from one time until another.
export function SpanBox({ none, drops = [] }: SpanBoxProps) {
  const [query, setQuery] = useSearchParams();
  const [isTyping, setTyping] = useState(false); // times, which the address doesn't have yet
  const [problem, setProblem] = useState("");
  const { last, from, until } = readSpan(query);
  const choose = (changes: Partial<Record<(typeof kSpanKeys)[number], string>>) => {
    setTyping(false);
    setProblem("");
    setQuery((before) => {
      const next = new URLSearchParams(before);
      for (const name of [...kSpanKeys, ...drops]) next.delete(name);
      for (const [name, value] of Object.entries(changes)) if (value) next.set(name, value);
      return next;
    });
  };
  const show = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget);
    const [begin = "", end = ""] = ["from", "until"].map((name) => timeOf(String(typed.get(name) ?? "")));
    if (begin && end && begin >= end) setProblem("must be later than From");
    else choose({ from: begin, until: end });
  };
  const chosen = isTyping ? kBetween : last || (from || until ? kBetween : "");
  return (
    <form onSubmit={show} aria-label="Time shown" noValidate>
      <Group gap="xs" align="flex-end">
        <NativeSelect
          size="xs"
          label="Time shown"
          value={chosen}
          onChange={({ currentTarget: { value } }) => (value === kBetween ? setTyping(true) : choose({ last: value }))}
          data={[{ value: "", label: none }, ...Object.keys(kLastSeconds).map((value) => ({ value, label: `Last ${value}` })), { value: kBetween, label: "From … until …" }]}
        />
        {chosen === kBetween && (
          <Group gap="xs" align="flex-end" key={`${from} ${until}`}>
            <TextInput size="xs" type="datetime-local" name="from" label="From (UTC)" defaultValue={typedOf(from)} max="9999-12-31T23:59" />
            <TextInput size="xs" type="datetime-local" name="until" label="Until (UTC)" defaultValue={typedOf(until)} max="9999-12-31T23:59" error={problem} inputWrapperOrder={["label", "error", "input"]} />
            <Button size="xs" type="submit">
              Show
            </Button>
          </Group>
        )}
      </Group>
    </form>
  );
}
