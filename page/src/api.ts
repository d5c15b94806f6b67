// What the server says, typed; and how a screen keeps up with it.
import { useCallback, useEffect, useState } from "react";

export interface ModelSummary {
  name: string;
  endpoint: string;
  owner: string;
  version: number | null;
  phase: string;
  health: "healthy" | "watch" | "alert" | "unknown";
  health_reason: string;
  traffic_per_day: number[];
  open_alerts: number;
  last_release: string | null;
}
export interface Overview {
  now: string;
  clock: "rehearsal" | "wall";
  models: ModelSummary[];
}

export interface Variant {
  name: string;
  role: "live" | "shadow";
  model: string;
  version: number;
  weight: number; // of 10,000
}
export interface Revision {
  number: number;
  kind: string;
  variants: Variant[];
  actor: string;
  reason: string;
  time: string;
  restores: number | null;
}
export interface EndpointStatus {
  name: string;
  definition: { model: string; features: string };
  rollout: { phase: string; percent?: number };
  revision: Revision | null;
  last_good: number | null;
}

export interface Drift {
  feature: string;
  psi: number | null;
  ks?: number | null;
  wasserstein?: number | null;
  jensen_shannon?: number | null;
  missing_rate: number | null;
  unseen_rate?: number | null;
}
export interface MonitorWindow {
  start: string;
  end: string;
  variant: string;
  model_version: number;
  rows: number;
  labels: number;
  completeness: number | null;
  metrics: Record<string, number | null>;
  drift: Drift[];
}
export interface MonitorSummary {
  name: string;
  endpoint: string;
  health: string;
  health_reason: string;
}
export interface Alert {
  id: number;
  time: string;
  alert: string;
  metric: string;
  value: number;
  threshold: number;
  state: "open" | "resolved";
  window_start: string;
  window_end: string;
  causes: { feature: string; psi: number }[];
  action: { kind: string; state: string; reason: string; run_id: string | null } | null;
}

export interface PipelineStep {
  name: string;
  state: string;
  cached: boolean;
  seconds: number | null;
  exit_code: number | null;
  reason: string;
  command: string;
}
export interface PipelineRunRecord {
  id: string;
  pipeline: string;
  state: string;
  reason: string;
  actor: string;
  now: string;
  params: Record<string, string>;
  steps: PipelineStep[];
}

export interface KeyValue {
  key: string;
  value: string;
}
export interface RunRecord {
  info: { run_id: string; run_name?: string; experiment_id: string; status: string; start_time: number; end_time?: number };
  data: { metrics?: { key: string; value: number; step: number }[]; params?: KeyValue[]; tags?: KeyValue[] };
}

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

async function read<T>(path: string, init?: RequestInit): Promise<T> {
  let reply: Response;
  try {
    reply = await fetch(path, init);
  } catch {
    throw new ApiError("The server does not answer. Is it running?", 0);
  }
  const text = await reply.text();
  if (!reply.ok) {
    let message = text || reply.statusText;
    try {
      const body = JSON.parse(text);
      message = body.error?.message ?? body.message ?? message;
    } catch {
      // Not JSON: the text itself says it.
    }
    throw new ApiError(message, reply.status);
  }
  return (reply.headers.get("Content-Type")?.startsWith("application/json") ? JSON.parse(text) : text) as T;
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return read<T>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

export interface Live<T> {
  data?: T;
  error?: ApiError;
  refresh: () => void;
}

const REFRESH_MS = 3000;

// Reads `path` now and again every few seconds; keeps what it has when a later read fails. With a body it posts.
export function useLive<T>(path: string | null, body?: unknown): Live<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: ApiError }>({ path: null });
  const [turn, setTurn] = useState(0);
  const key = body === undefined ? "" : JSON.stringify(body);
  useEffect(() => {
    if (path === null) return;
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        const data = await (key ? post<T>(path, JSON.parse(key)) : read<T>(path));
        if (!stopped) setState({ path, data });
      } catch (error) {
        if (!stopped) setState((before) => ({ path, data: before.path === path ? before.data : undefined, error: error as ApiError }));
      }
      if (!stopped) timer = setTimeout(look, REFRESH_MS);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [path, key, turn]);
  const refresh = useCallback(() => setTurn((n) => n + 1), []);
  return state.path === path ? { data: state.data, error: state.error, refresh } : { refresh };
}
