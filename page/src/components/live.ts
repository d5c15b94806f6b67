import { useCallback, useEffect, useRef, useState } from "react";
import type { Subject } from "../lib/news";
import { listen, useHeard } from "./news";

export interface Live<T> {
  data: T | undefined; // of this key; stays when a later refresh fails
  error: Error | undefined;
  isRetried?: boolean; // what failed is asked for again by itself
  reload: () => void;
}

const kRetrySeconds = 10;
const kQuietSeconds = 60; // while changes are heard of: what is shown may depend on more than them
const kGatherMs = 100; // that changes come together in
const kBetweenMs = 1000; // two refreshes because of changes

// Fetches now, and again when something of the subjects `about` has changed on the server: at once, and `seconds` later, for what
// the server makes of it after that. Where that is not heard, or they are
// none: again `seconds` after the last answer, which may say how many; not while the tab is hidden. Infinity: once. What fails is
// asked for again after `retrySeconds` at the latest. Another `key` starts over without the old data.
export function useLive<T>(fetcher: (signal: AbortSignal) => Promise<T>, key: string, seconds: number | ((data: T) => number), about: Subject[] = [], retrySeconds = kRetrySeconds): Live<T> {
  const [state, setState] = useState<{ key: string; turn: number; data?: T; error?: Error }>({ key, turn: -1 });
  const [turn, setTurn] = useState(0);
  const newest = useRef(fetcher);
  newest.current = fetcher;
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const started = useRef({ heard: 0, isNews: false, atMs: 0 }); // of the last fetch: the changes heard of before, whether there was one since the fetch before it, and when
  const [heard, setHeard] = useState(0);
  const heardSoFar = useRef(0);
  const subjects = about.join("\n");

  useEffect(() => {
    const stop = new AbortController();
    started.current = { heard: heardSoFar.current, isNews: heardSoFar.current !== started.current.heard, atMs: performance.now() };
    const fetchOnce = async () => {
      try {
        const data = await newest.current(stop.signal);
        if (!stop.signal.aborted) setState({ key, turn, data });
      } catch (problem) {
        if (stop.signal.aborted) return;
        const error = problem instanceof Error ? problem : new Error(String(problem));
        setState((before) => (before.key === key ? { ...before, turn, error } : { key, turn, error }));
      }
    };
    void fetchOnce();
    return () => stop.abort();
  }, [key, turn]);

  const current = state.key === key ? state : undefined;
  const isAnswered = current?.turn === turn;
  const regular = typeof seconds === "number" ? seconds : current?.data === undefined ? Infinity : seconds(current.data);
  const isFollowed = about.length > 0 && Number.isFinite(regular);
  const isHeard = useHeard() && isFollowed;
  const pause = current?.error ? Math.min(regular, retrySeconds) : isHeard ? Math.max(regular, kQuietSeconds) : regular;
  useEffect(() => {
    if (!isAnswered || !Number.isFinite(pause)) return;
    const again = () => {
      if (!document.hidden) reload();
    };
    const timer = setTimeout(again, (started.current.isNews ? Math.min(pause, regular) : pause) * 1000);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [isAnswered, turn, pause, regular, reload]);

  useEffect(() => {
    if (!isFollowed) return;
    return listen(subjects.split("\n") as Subject[], () => setHeard((heardSoFar.current += 1)));
  }, [isFollowed, subjects]);
  useEffect(() => {
    if (!isAnswered || heard === started.current.heard) return;
    const timer = setTimeout(reload, Math.max(kGatherMs, kBetweenMs - (performance.now() - started.current.atMs)));
    return () => clearTimeout(timer);
  }, [isAnswered, turn, heard, reload]);

  return { data: current?.data, error: current?.error, isRetried: Number.isFinite(pause), reload };
}

// Once more when what was followed, `isOver` unknown before, is over: what came since the last time.
export function useOnceMore(isOver: boolean | undefined, reload: () => void) {
  const was = useRef(isOver);
  useEffect(() => {
    if (isOver && was.current === false) reload();
    was.current = isOver;
  }, [isOver, reload]);
}

// The same, with what another key had given until this one gives something.
export function useKept<T>(live: Live<T>): Live<T> {
  const last = useRef<T>();
  last.current = live.data ?? last.current;
  return { ...live, data: last.current };
}
