// The one stream of a tab over which it hears what changes on the server. A tab in the background holds no connection: a browser
// has few for each server.
import { useSyncExternalStore } from "react";
import { api } from "../api";
import { type Change, concerns, type Subject } from "../lib/news";

const kRetryMs = 20_000; // after the server has refused
const kFirstMs = 3000; // what was asked for before listening began may lack what happened meanwhile: it is asked for once more

interface Listener {
  about: Subject[];
  changed: () => void;
}

const listeners = new Set<Listener>();
const watchers = new Set<() => void>(); // of isHeard
let isHeard = false;
let last = ""; // heard so far
let stop: (() => void) | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;

function setHeard(is: boolean) {
  if (isHeard === is) return;
  isHeard = is;
  for (const watcher of watchers) watcher();
}

function tell(changes: Change[]) {
  for (const { about, changed } of listeners) if (concerns(changes, about)) changed();
}

function close() {
  clearTimeout(retry);
  stop?.();
  stop = undefined;
  setHeard(false);
}

function open() {
  close();
  let isFirst = last === "";
  stop = api.listen(last, {
    begin: (missed) => {
      setHeard(true);
      if (missed) for (const { changed } of listeners) changed();
      const early = isFirst ? [...listeners] : [];
      isFirst = false;
      if (early.length > 0) setTimeout(() => early.forEach((one) => listeners.has(one) && one.changed()), kFirstMs);
    },
    changes: (changes, at) => {
      last = at;
      tell(changes);
    },
    lost: () => setHeard(false),
    refused: () => {
      close();
      retry = setTimeout(open, kRetryMs);
    },
  });
}

const follow = () => (document.hidden ? close() : open());

// Calls `changed` when something of these subjects has. Returns what ends it.
export function listen(about: Subject[], changed: () => void): () => void {
  const listener = { about, changed };
  listeners.add(listener);
  if (listeners.size === 1) {
    follow();
    document.addEventListener("visibilitychange", follow);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    document.removeEventListener("visibilitychange", follow);
    close();
  };
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

// Whether changes are heard of as they happen; where not, one has to ask.
export const useHeard = () => useSyncExternalStore(watch, () => isHeard);
