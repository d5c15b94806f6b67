import { useCallback, useEffect, useRef, useState } from "react";

export interface Live<T> {
  data: T | undefined; // of this key; stays when a later refresh fails
  error: Error | undefined;
  reload: () => void;
}

// Fetches now and again `seconds` after the last answer, not while the tab is hidden; Infinity: once. Another `key` starts over
// without the old data.
export function useLive<T>(fetcher: (signal: AbortSignal) => Promise<T>, key: string, seconds: number): Live<T> {
  const [state, setState] = useState<{ key: string; turn: number; data?: T; error?: Error }>({ key, turn: -1 });
  const [turn, setTurn] = useState(0);
  const newest = useRef(fetcher);
  newest.current = fetcher;
  const reload = useCallback(() => setTurn((before) => before + 1), []);

  useEffect(() => {
    const stop = new AbortController();
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

  const isAnswered = state.key === key && state.turn === turn;
  useEffect(() => {
    if (!isAnswered || !Number.isFinite(seconds)) return;
    const again = () => {
      if (!document.hidden) reload();
    };
    const timer = setTimeout(again, seconds * 1000);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [isAnswered, turn, seconds, reload]);

  const current = state.key === key ? state : undefined;
  return { data: current?.data, error: current?.error, reload };
}

// The same, with what another key had given until this one gives something.
export function useKept<T>(live: Live<T>): Live<T> {
  const last = useRef<T>();
  last.current = live.data ?? last.current;
  return { ...live, data: last.current };
}
