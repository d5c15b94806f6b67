// Where a filter of runs is typed: keys, operators and known values are offered, the arrows choose, Enter takes one or filters.
import { Button, Group, TextInput } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { api } from "../api";
import { useSettled } from "../components/settled";
import { columnOf, expected, operators, quoted, withChosen } from "../lib/completion";
import { isGroupable, kAttributes, kDuration, kName, written } from "../lib/run_table";
import "./filter_box.css";

const kOffered = 12;
const kPauseMs = 120; // after a letter, before the server is asked
const kDatasetKeys = ["datasets.name", "datasets.digest", "datasets.context"];

interface FilterBoxProps {
  experiment: string;
  filter: string;
  set: (filter: string) => void;
}

interface Offer {
  text: string; // what is put in
  detail: string;
}

const startsFirst = (typed: string) => (a: string, b: string) => Number(b.toLowerCase().startsWith(typed)) - Number(a.toLowerCase().startsWith(typed));

// What may come next at the end of `before`.
async function offersFor(experiment: string, before: string, signal: AbortSignal): Promise<Offer[]> {
  const next = expected(before);
  const typed = next.typed.toLowerCase();
  const fits = (text: string) => text.toLowerCase().includes(typed);
  if (next.what === "joint") return "and".startsWith(typed) ? [{ text: "AND", detail: "" }] : [];
  if (next.what === "operator") return operators(next.of).filter((text) => text.toLowerCase().startsWith(typed)).map((text) => ({ text, detail: "" }));
  if (next.what === "value") {
    if (!isGroupable(next.of)) return [];
    const { groups } = await api.runGroups(experiment, next.of, "", [], next.typed, kOffered + 1, signal);
    return groups.flatMap(({ value, runs }) => {
      const text = value === null ? undefined : quoted(value);
      return text ? [{ text, detail: `${runs}` }] : [];
    });
  }
  const letters = next.typed.includes(".") ? columnOf(next.typed) : next.typed;
  const { columns } = await api.runColumns(experiment, "", letters.replace(/[`"]/g, ""), kOffered, signal);
  const own = [kName, ...kAttributes.filter((one) => one !== kDuration), ...kDatasetKeys].filter(fits);
  return [...columns.map(({ name, runs }) => ({ text: written(name), detail: `in ${runs}` })), ...own.map((text) => ({ text, detail: "" }))].sort((a, b) => startsFirst(typed)(a.text, b.text)).slice(0, kOffered);
}

export function FilterBox({ experiment, filter, set }: FilterBoxProps) {
  const [text, setText] = useState(filter);
  const [caret, setCaret] = useState(filter.length);
  const [isOpen, setOpen] = useState(false);
  const [offers, setOffers] = useState<Offer[]>([]);
  const [at, setAt] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const moved = useRef<number>(); // where the caret goes after what was chosen is in
  useEffect(() => setText(filter), [filter]);

  const before = text.slice(0, caret);
  const settled = useSettled(before, kPauseMs);
  useEffect(() => setAt(-1), [before, isOpen]);
  useEffect(() => {
    if (!isOpen) return setOffers([]);
    const stop = new AbortController();
    offersFor(experiment, settled, stop.signal).then(setOffers, () => !stop.signal.aborted && setOffers([])); // a filter can be typed without help
    return () => stop.abort();
  }, [experiment, settled, isOpen]);

  useEffect(() => {
    if (moved.current === undefined) return;
    input.current?.setSelectionRange(moved.current, moved.current);
    moved.current = undefined;
  }, [text]);

  const take = (offer: Offer) => {
    const next = withChosen(text, caret, expected(before), offer.text);
    moved.current = next.caret;
    setText(next.text);
    setCaret(next.caret);
    input.current?.focus();
  };
  const isShown = isOpen && offers.length > 0;
  const onKey = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const chosen = offers[at];
    if (by && !isShown) {
      setOpen(true);
    } else if (by) {
      event.preventDefault();
      setAt(at < 0 ? (by > 0 ? 0 : offers.length - 1) : (at + by + offers.length) % offers.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && isShown && chosen) {
      event.preventDefault();
      take(chosen);
    } else if (event.key === "Escape" && isShown) {
      event.preventDefault();
      setOpen(false);
    }
  };
  useEffect(() => {
    document.getElementById(`filter-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at]);

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setOpen(false);
        set(text.trim());
      }}
    >
      <Group gap="xs" className="filter-line">
        <div className="filter">
          <TextInput
            ref={input}
            name="filter"
            role="combobox"
            aria-label="Filter runs"
            aria-expanded={isShown}
            aria-controls="filter-offers"
            aria-autocomplete="list"
            aria-activedescendant={isShown && at >= 0 ? `filter-${at}` : undefined}
            autoComplete="off"
            spellCheck={false}
            placeholder="metrics.auc > 0.75 and params.rounds = '60'"
            value={text}
            onChange={(event) => {
              setText(event.currentTarget.value);
              setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length);
              setOpen(true);
            }}
            onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
            onKeyDown={onKey}
            onBlur={() => setOpen(false)}
          />
          {isShown && (
            <ul id="filter-offers" role="listbox" aria-label="What may come next" className="found filter-offers">
              {offers.map((offer, index) => (
                <li key={offer.text} id={`filter-${index}`} role="option" aria-selected={index === at} onMouseDown={(event) => event.preventDefault()} onMouseMove={() => setAt(index)} onClick={() => take(offer)}>
                  <code>{offer.text}</code>
                  <span className="found-kind">{offer.detail}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
        <Button type="submit" variant="default">
          Filter
        </Button>
      </Group>
    </form>
  );
}
