// One box for everything: "/" opens it, letters narrow it, the arrows choose, Enter goes there, or asks before it does what is to be done.
import { ActionIcon, Text, TextInput, Tooltip } from "@mantine/core";
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { api } from "../api";
import { Dialog } from "../components/dialog";
import { useSettled } from "../components/settled";
import { told } from "../lib/problem";
import { type Found, rank } from "../lib/search";
import { DeedDialog } from "./deeds";
import { asFound, findAll, findRuns, kNames as kSources, screens } from "./everything";
import "./search.css";

const kLettersForRuns = 3;
const kPauseMs = 250; // after a letter, before the server is asked

const kNames = [...kSources, "experiments"];

// Where a slash is just a slash.
const isTyping = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function SearchButton() {
  const [isOpen, setOpen] = useState(false);
  const [asked, setAsked] = useState<Found>(); // an action, before it is done
  useLayoutEffect(() => {  // the keys work as soon as the button is seen
    const onKey = (event: globalThis.KeyboardEvent) => {
      const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
      const isPalette = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
      if ((!isSlash && !isPalette) || document.querySelector('[role="dialog"]')) return;
      event.preventDefault();
      setOpen(true);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <Tooltip label="Search: press /">
        <ActionIcon variant="default" size="lg" aria-label="Search" aria-keyshortcuts="/ Control+K" onClick={() => setOpen(true)}>
          <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden>
            <path d="M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21" />
          </svg>
        </ActionIcon>
      </Tooltip>
      {isOpen && <SearchBox close={() => setOpen(false)} ask={setAsked} />}
      {asked?.deed && <DeedDialog found={asked} deed={asked.deed} close={() => setAsked(undefined)} />}
    </>
  );
}

function SearchBox({ close, ask }: { close: () => void; ask: (action: Found) => void }) {
  const [typed, setTyped] = useState("");
  const [known, setKnown] = useState<Record<string, Found[]>>({ screens });
  const [runs, setRuns] = useState<Found[]>([]);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const experiments = useRef<Promise<string[]>>(Promise.resolve([]));
  const before = useRef<Promise<void>>(Promise.resolve()); // the last search of runs: the server has one at a time

  useEffect(() => {
    const stop = new AbortController();
    const listed = api.experiments(stop.signal);
    experiments.current = listed.then((all) => all.map(({ experiment_id }) => experiment_id));
    experiments.current.catch(() => undefined); // it is told below
    for (const [name, asked] of Object.entries({ ...findAll(stop.signal), experiments: listed.then(asFound) })) {
      asked.then(
        (found) => setKnown((before) => ({ ...before, [name]: found })),
        (problem: unknown) => !stop.signal.aborted && setProblems((before) => ({ ...before, [name]: told(problem) })),
      );
    }
    return () => stop.abort();
  }, []);
  const isAsking = kNames.some((name) => !(name in known) && !(name in problems));

  const letters = useSettled(typed.trim(), kPauseMs);
  useEffect(() => {
    setRuns([]);
    setProblems(({ runs: _, ...others }) => others);
    if (letters.length < kLettersForRuns) return;
    const stop = new AbortController();
    const search = async () => {
      if (stop.signal.aborted) return;
      try {
        const found = await findRuns(letters, await experiments.current);
        if (!stop.signal.aborted) setRuns(found);
      } catch (problem) {
        if (!stop.signal.aborted) setProblems((others) => ({ ...others, runs: told(problem) }));
      }
    };
    before.current = before.current.then(search);
    return () => stop.abort();
  }, [letters]);

  const found = useMemo(() => rank([...[...kNames, "screens"].flatMap((name) => known[name] ?? []), ...runs], typed), [known, runs, typed]);
  const chosen = Math.min(at, found.length - 1);
  const go = (one: Found | undefined) => {
    if (!one) return;
    close();
    if (one.deed) ask(one);
    else void navigate(one.to);
  };
  const onKey = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && found.length > 0) {
      event.preventDefault();
      setAt((chosen + by + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(found[chosen]);
    }
  };
  useEffect(() => {
    document.getElementById(`search-${chosen}`)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);

  return (
    <Dialog title="Search" size="lg" close={close}>
      <TextInput
        data-autofocus
        role="combobox"
        aria-label="Search everything"
        aria-expanded={found.length > 0}
        aria-controls="search-found"
        aria-activedescendant={found.length > 0 ? `search-${chosen}` : undefined}
        aria-autocomplete="list"
        placeholder="A name, an id, or what is to be done"
        value={typed}
        onKeyDown={onKey}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
      />
      {found.length > 0 && (
        <ul id="search-found" role="listbox" aria-label="Found" className="found">
          {found.map((one, index) => (
            <li key={`${one.kind} ${one.to} ${one.title}`} id={`search-${index}`} role="option" aria-selected={index === chosen} onMouseMove={() => setAt(index)} onClick={() => go(one)}>
              <b>{one.title}</b>
              <span className="dim">{one.detail}</span>
              <span className="found-kind">{one.kind}</span>
            </li>
          ))}
        </ul>
      )}
      {typed === "" && (
        <Text size="xs" c="dimmed" mt="xs">
          Models, endpoints, runs, pipelines, datasets, features, incidents, screens; or <b>roll back</b>, <b>follow</b>, <b>run</b>, <b>acknowledge</b>, <b>silence</b>. Arrows choose, Enter goes there, or asks before it does anything.
        </Text>
      )}
      <Text size="sm" c="dimmed" mt="xs" role="status">
        {found.length === 0 && (isAsking ? "Looking…" : "Nothing fits.")}
      </Text>
      {Object.entries(problems).map(([name, problem]) => (
        <Text key={name} size="sm" c="red" role="alert">
          {name}: {problem}
        </Text>
      ))}
    </Dialog>
  );
}
