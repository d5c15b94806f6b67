// The only place that fetches, and errors turned into sentences.
import { wholeCharacters } from "../lib/log_text";
import type { Schemas } from "./schemas";

const kTimeoutMs = 15_000;

// A failed request, in words for people. `gone`: nothing answered at all.
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly gone = false,
  ) {
    super(message);
  }
}

// `otherwise` where it is not there; any other failure stays one.
export const ifAbsent = <T, U>(asked: Promise<T>, otherwise: U, statuses = [404]): Promise<T | U> =>
  asked.catch((problem: unknown) => {
    if (problem instanceof ApiError && statuses.includes(problem.status)) return otherwise;
    throw problem;
  });

function sentenceOf(status: number, body: unknown): string {
  if (typeof body === "object" && body !== null) {
    const { error, message } = body as { error?: { message?: unknown } | string; message?: unknown };
    if (typeof error === "string") return error; // the Open Inference Protocol's
    if (typeof error?.message === "string") return error.message;
    if (typeof message === "string") return message; // MLflow's envelope
  }
  return status === 403 ? "You have no permission for this." : `The server answered with status ${status}.`; // MLflow's 403 has no JSON
}

export async function answer(path: string, init: RequestInit, signal?: AbortSignal, timeoutMs = kTimeoutMs): Promise<Response> {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new ApiError(
      timeout.aborted
        ? `The server at ${location.host} took longer than ${timeoutMs / 1000} seconds.`
        : `The server at ${location.host} does not answer.`,
      0,
      true,
    );
  }
  if (response.ok) return response;
  throw new ApiError(sentenceOf(response.status, await response.json().catch(() => null)), response.status);
}

interface Question {
  path: string;
  answer: (body: unknown) => void;
  refuse: (problem: unknown) => void;
}

const kQuestionsMax = 64; // of one batch,
const kBatchPathMax = 7000; // and letters: servers in between often take addresses of 8 kB

let gathering: Question[] | null = null;

// Whatever `ask` gets before it first waits is asked for in one request, or in as few as addresses allow; each answer is, or fails, as
// if it came alone.
export function together<T>(ask: () => T, signal?: AbortSignal): T {
  const questions: Question[] = [];
  gathering = questions;
  try {
    return ask();
  } finally {
    gathering = null;
    let batch: Question[] = [];
    for (const question of questions) {
      const next = [...batch, question];
      const isFull = batch.length > 0 && (next.length > kQuestionsMax || batchPath(next.map(({ path }) => path)).length > kBatchPathMax);
      if (isFull) void askAll(batch, signal);
      batch = isFull ? [question] : next;
    }
    if (batch.length > 0) void askAll(batch, signal);
  }
}

export const batchPath = (paths: string[]) => `${own("batch")}?${new URLSearchParams(paths.map((path) => ["path", path]))}`;

async function askAll(questions: Question[], signal?: AbortSignal) {
  try {
    const { replies } = await get<Schemas["Replies"]>(batchPath(questions.map(({ path }) => path)), signal);
    for (const [at, { answer, refuse }] of questions.entries()) {
      const reply = replies[at];
      if (reply && reply.status < 400) answer(reply.body);
      else refuse(new ApiError(sentenceOf(reply?.status ?? 0, reply?.body), reply?.status ?? 0));
    }
  } catch (problem) {
    for (const { refuse } of questions) refuse(problem);
  }
}

export async function get<T>(path: string, signal?: AbortSignal, timeoutMs = kTimeoutMs): Promise<T> {
  if (gathering) {
    const questions = gathering;
    return new Promise<unknown>((answer, refuse) => questions.push({ path, answer, refuse })) as Promise<T>;
  }
  return (await (await answer(path, {}, signal, timeoutMs)).json()) as T;
}

// A part of a file as text, where it begins and ends, and how long the file is, in bytes. A character that is cut off is left out.
export async function part(path: string, range: string, signal?: AbortSignal): Promise<{ text: string; from: number; end: number; size: number }> {
  const reply = await answer(path, { headers: { Range: range } }, signal).catch((problem: unknown) => {
    if (problem instanceof ApiError && problem.status === 416) return null; // it is empty
    throw problem;
  });
  const [, from = 0, to = -1, size = 0] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply?.headers.get("Content-Range") ?? "")?.map(Number) ?? [];
  const content = new Uint8Array((await reply?.arrayBuffer()) ?? []);
  const whole = wholeCharacters(content);
  return { text: new TextDecoder().decode(content.subarray(0, whole)), from, end: to + 1 - (content.length - whole), size };
}

export const send = (method: "POST" | "PATCH" | "DELETE", path: string, body: object, signal?: AbortSignal) =>
  answer(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, signal);

export async function post<T>(path: string, body: object, signal?: AbortSignal): Promise<T> {
  return (await (await send("POST", path, body, signal)).json()) as T;
}

export const own = (...parts: string[]) => "/slipway/v1/" + parts.map(encodeURIComponent).join("/");

export const mlflow = "/api/2.0/mlflow/";

// A text in MLflow's filters, which know no other way to have a quote in one.
export const quoted = (text: string) => (text.includes("'") ? `"${text}"` : `'${text}'`);
