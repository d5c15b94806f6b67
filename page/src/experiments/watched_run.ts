import { useEffect, useRef, useState } from "react";
import { api, isFinal, type Metric, type RunAndCurves } from "../api";
import { type Live, useKept, useLive } from "../components/live";
import { OneAtATime } from "../lib/one_at_a_time";
import { latest, withPoints } from "../lib/series";

const kAskingSeconds = 4; // while nothing is pushed
const kPushedSeconds = 30; // for what isn't pushed: name, parameters, tags
const kRetrySeconds = 20; // after the server has refused to push
const kDrawEveryMs = 200;
const kPointsMax = 20_000; // since the last load; when more have come the curves are loaded anew, thinned out
const kPointsKept = 200_000; // while they are being loaded; older ones are in what comes
const kReloadPauseMs = 2000;

// A run with its curves. While the run goes on the server pushes its points and its end; where that fails it is
// asked. A tab in the background holds no connection: a browser has few for each server.
// `names` of all metrics are drawn; another `asked` has others.
export function useWatchedRun(id: string, asked: string, names: (all: string[]) => string[]): Live<RunAndCurves> {
  const [isPushed, setPushed] = useState(false);
  const [, draw] = useState(0);
  const arrived = useRef<Metric[]>([]); // what `loaded` may lack
  const loading = useRef<OneAtATime>();
  const load = async (signal: AbortSignal) => {
    const before = arrived.current.at(-1);
    loading.current?.begun();
    try {
      const answer = await api.runAndCurves(id, names, signal);
      arrived.current = arrived.current.slice(before ? arrived.current.lastIndexOf(before) + 1 : 0);
      return answer;
    } finally {
      if (!signal.aborted) loading.current?.ended();
    }
  };
  const known = useRef<Metric[]>([]);
  const [isOver, setOver] = useState(false);
  const loaded = useKept(useLive(load, `${id} ${asked}`, isPushed || isOver ? kPushedSeconds : kAskingSeconds));
  const { data, reload } = loaded;
  known.current = data?.run.data.metrics ?? [];
  useEffect(() => setOver(data !== undefined && isFinal(data.run.info.status)), [data]);
  const goesOn = data !== undefined && !isFinal(data.run.info.status);

  useEffect(() => {
    if (!goesOn) return;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let stop: (() => void) | undefined;
    const anew = (loading.current = new OneAtATime(reload, kReloadPauseMs)); // a reload that begins ends the one before it
    const close = () => {
      clearTimeout(retry);
      stop?.();
      stop = undefined;
      setPushed(false);
    };
    const open = () => {
      close();
      stop = api.watchRun(id, {
        open: () => setPushed(true),
        latest: (metrics) => {
          const seen = latest([...known.current, ...arrived.current]);
          const isSeen = (metric: Metric) => {
            const last = seen.get(metric.key);
            return last?.step === metric.step && last.timestamp === metric.timestamp && last.value === metric.value;
          };
          if (!metrics.every(isSeen)) anew.ask();
        },
        points: (points) => {
          for (const point of points) arrived.current.push(point);
          if (arrived.current.length > kPointsKept) arrived.current = arrived.current.slice(-kPointsMax);
          if (arrived.current.length > kPointsMax) return anew.ask(); // they are drawn when they are thinned out
          drawing ??= setTimeout(() => {
            drawing = undefined;
            draw((turn) => turn + 1);
          }, kDrawEveryMs);
        },
        over: reload,
        lost: () => setPushed(false),
        refused: () => {
          close();
          retry = setTimeout(open, kRetrySeconds * 1000);
        },
      });
    };
    const follow = () => (document.hidden ? close() : open());
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      clearTimeout(drawing);
      anew.stop();
      loading.current = undefined;
      close();
    };
  }, [id, goesOn, reload]);

  return { ...loaded, data: data && withPoints(data, arrived.current, names) };
}
