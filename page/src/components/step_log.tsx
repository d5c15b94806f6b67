// What a step of a pipeline's run wrote, as it comes.
import { Anchor, Button, Group, Switch, Text, TextInput } from "@mantine/core";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { api, ApiError, type LogPart } from "../api";
import { bytes, number } from "../lib/format";
import { blocksOf, endOf, matchesOf, plain } from "../lib/log_text";
import { useAddress } from "./address";
import { type Live, useLive } from "./live";
import { Loaded } from "./loaded";
import "./step_log.css";

const kLogBytesMax = 400_000; // of its end, until somebody wants all
const kAgainSeconds = 2; // where it is not pushed
const kDrawEveryMs = 200;
const kAtEndPixels = 30;

const isAbsent = (problem: unknown) => problem instanceof ApiError && problem.status === 404;

// The log's end, then what comes behind it: pushed, or asked for again where that is refused.
function useStepLog(run: string, step: string, isOver: boolean, most: number): Live<LogPart> {
  const key = `${run}/${step}/${most}`;
  const [pushed, setPushed] = useState("");
  const isPushed = pushed === key;
  const load = async (signal: AbortSignal) => {
    const empty = { text: "", isCut: false, end: 0, size: 0 };
    const found = await api.stepLogEnd(run, step, most, signal).catch((problem: unknown) => {
      if (isAbsent(problem) && !isOver) return empty; // it has written nothing yet
      throw problem;
    });
    return { ...found, isWhole: isOver };
  };
  // Once more after its end, where it is not pushed: the last lines.
  const loaded = useLive(load, key, ({ isWhole }) => (isPushed || (isWhole && isOver) ? Infinity : kAgainSeconds));
  const base = loaded.data;
  const [grown, setGrown] = useState<{ base: LogPart; now: LogPart }>();

  useEffect(() => {
    if (!base || base.isWhole) return;
    let now: LogPart = base;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let stop: (() => void) | undefined;
    const close = () => {
      stop?.();
      stop = undefined;
    };
    const open = () => {
      close();
      stop = api.followStepLog(run, step, now.end, {
        open: () => setPushed(key),
        text: (text, from, end) => {
          const all = (from === 0 ? "" : now.text) + text;
          const kept = endOf(all, most);
          now = { text: kept, isCut: (from > 0 && now.isCut) || kept.length < all.length, end, size: end };
          drawing ??= setTimeout(() => {
            drawing = undefined;
            setGrown({ base, now });
          }, kDrawEveryMs);
        },
        over: () => document.removeEventListener("visibilitychange", follow),
        refused: () => {
          close();
          setPushed("");
        },
      });
    };
    const follow = () => (document.hidden ? close() : open()); // a browser has few connections for each server
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      clearTimeout(drawing);
      close();
    };
  }, [base, run, step, most, key]);

  return { ...loaded, data: grown && grown.base === base ? grown.now : base };
}

export function StepLog({ run, step, isOver }: { run: string; step: string; isOver: boolean }) {
  const [most, setMost] = useState(kLogBytesMax);
  const log = useStepLog(run, step, isOver, most);
  return (
    <section aria-label={`Log of ${step}`}>
      <Loaded from={log}>
        {(found) => <LogText key={step} log={found} path={api.stepLogPath(run, step)} file={`${run}-${step}.log`} isOver={isOver} showAll={() => setMost(Number.MAX_SAFE_INTEGER)} />}
      </Loaded>
    </section>
  );
}

interface LogTextProps {
  log: LogPart;
  path: string;
  file: string;
  isOver: boolean;
  showAll: () => void;
}

function LogText({ log, path, file, isOver, showAll }: LogTextProps) {
  const [query, change] = useAddress();
  const find = query.get("find") ?? "";
  const [chosen, choose] = useState(0);
  const [follows, setFollows] = useState(true);
  const place = useRef<HTMLPreElement>(null);
  const blocks = useMemo(() => blocksOf(plain(log.text)), [log.text]);
  const counts = useMemo(() => blocks.map((block) => matchesOf(block, find).length), [blocks, find]);
  const count = counts.reduce((sum, one) => sum + one, 0);
  const at = count === 0 ? -1 : chosen % count;

  useLayoutEffect(() => {
    const element = place.current;
    if (element && follows && find === "") element.scrollTop = element.scrollHeight;
  }, [blocks, follows, find]);
  useLayoutEffect(() => {
    const element = place.current;
    const mark = element?.querySelector<HTMLElement>("mark[data-current]");
    if (element && mark) element.scrollTop += mark.getBoundingClientRect().top - element.getBoundingClientRect().top - element.clientHeight / 2;
  }, [at, find]);

  const look = (words: string) => {
    choose(0);
    change({ find: words });
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape" && find !== "") {
      event.stopPropagation(); // what is around stays
      look("");
    }
    if (event.key !== "Enter" || count === 0) return;
    event.preventDefault();
    choose((at + (event.shiftKey ? count - 1 : 1)) % count);
  };
  const scrolled = () => {
    const element = place.current;
    if (element && find === "") setFollows(element.scrollHeight - element.scrollTop - element.clientHeight < kAtEndPixels);
  };
  let before = 0;
  return (
    <>
      <Group gap="sm" mb={6}>
        <TextInput size="xs" type="search" aria-label="Search in the log" placeholder="Search in the log" value={find} onChange={(event) => look(event.currentTarget.value)} onKeyDown={press} />
        <Text size="xs" role="status" aria-label="Matches">
          {find !== "" && (count === 0 ? "no match" : `${at + 1} of ${number(count)} ${count === 1 ? "match" : "matches"}`)}
          {find !== "" && log.isCut && " in what is shown"}
        </Text>
        {count > 1 && (
          <Button.Group>
            <Button size="compact-xs" variant="default" aria-label="Match before" onClick={() => choose((at + count - 1) % count)}>
              ↑
            </Button>
            <Button size="compact-xs" variant="default" aria-label="Next match" onClick={() => choose((at + 1) % count)}>
              ↓
            </Button>
          </Button.Group>
        )}
        {!isOver && <Switch size="xs" label="Follow" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} />}
        {log.isCut && (
          <Button size="compact-xs" variant="default" onClick={showAll}>
            Show all {bytes(log.size)}
          </Button>
        )}
        <Anchor href={path} download={file} size="xs">
          Download
        </Anchor>
        <Anchor href={path} size="xs" target="_blank" rel="noreferrer" aria-label="Log: the call of the API" title={`curl '${location.origin}${path}'`}>
          API
        </Anchor>
      </Group>
      <pre className="log" tabIndex={0} ref={place} onScroll={scrolled}>
        {log.isCut && "… the beginning is left out\n"}
        {blocks.length === 0 && (isOver ? "It has written nothing." : "It has written nothing yet.")}
        {blocks.map((block, index) => {
          const own = at - before;
          const has = counts[index] ?? 0;
          before += has;
          return <Block key={index} text={block} find={has > 0 ? find : ""} at={own >= 0 && own < has ? own : -1} />;
        })}
      </pre>
    </>
  );
}

const Block = memo(function Block({ text, find, at }: { text: string; find: string; at: number }) {
  const starts = matchesOf(text, find);
  if (starts.length === 0) return <span>{text}</span>;
  return (
    <span>
      {text.slice(0, starts[0])}
      {starts.map((start, index) => (
        <span key={start}>
          <mark data-current={index === at || undefined}>{text.slice(start, start + find.length)}</mark>
          {text.slice(start + find.length, starts[index + 1])}
        </span>
      ))}
    </span>
  );
});
