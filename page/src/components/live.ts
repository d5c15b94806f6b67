import { useCallback, useEffect, useRef, useState } from "react";

export interface Live<T> {
  data: T | undefined; // of this key; stays when a later refresh fails
  error: Error | undefined;
  reload: () => void;
}

// Fetches now and again every `seconds` after the last answer, not while the tab is hidden. Another `key` starts
// over without the old data.
export function useLive<T>(fetcher: (signal: AbortSignal) => Promise<T>, key: string, seconds: number): Live<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const [turn, setTurn] = useState(0);
  const newest = useRef(fetcher);
  newest.current = fetcher;

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turnAround = async () => {
      if (!document.hidden) {
        try {
          const data = await newest.current(stop.signal);
          if (!stop.signal.aborted) setState({ key, data });
        } catch (problem) {
          if (stop.signal.aborted) return;
          const error = problem instanceof Error ? problem : new Error(String(problem));
          setState((before) => (before.key === key ? { ...before, error } : { key, error }));
        }
      }
      if (!stop.signal.aborted) timer = setTimeout(() => void turnAround(), seconds * 1000);
    };
    const onVisible = () => {
      if (document.hidden) return;
      clearTimeout(timer);
      void turnAround();
    };
    void turnAround();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key, seconds, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const current = state.key === key ? state : undefined;
  return { data: current?.data, error: current?.error, reload };
}
