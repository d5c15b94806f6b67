// Registered models, their versions and aliases, in MLflow's words, and our gates' verdicts.
import { get, mlflow, own, post, quoted } from "./fetch";
import type { KeyValue } from "./runs";
import type { Schemas } from "./schemas";

export type Gate = Schemas["Gate"];
export interface ModelVersion {
  name: string;
  version: string;
  source: string;
  run_id?: string;
  description?: string;
  user_id?: string;
  creation_timestamp?: number;
  current_stage?: string;
  status?: string;
  status_message?: string;
  aliases?: string[];
  tags?: KeyValue[];
}

export interface RegisteredModel {
  name: string;
  description?: string;
  creation_timestamp?: number;
  last_updated_timestamp?: number;
  latest_versions?: { version: string; run_id: string }[];
  aliases?: { alias: string; version: string }[];
  tags?: KeyValue[];
}

// Where an alias points, and what protects it.
export type ModelAlias = Schemas["ModelAlias"];
export type AliasMove = Schemas["AliasMove"];

export const registryApi = {
  gates: async (model: string, s?: AbortSignal) =>
    (await get<Schemas["Gates"]>(own("models", model, "gates"), s)).gates,
  // Those whose names have the text in them, and where the rest begins.
  modelsNamed: (text: string, most: number, s?: AbortSignal) =>
    get<{ registered_models?: RegisteredModel[]; next_page_token?: string }>(
      `${mlflow}registered-models/search?${new URLSearchParams({ max_results: String(most), ...(text ? { filter: `name ILIKE ${quoted(`%${text}%`)}` } : {}) })}`,
      s,
    ),
  registeredModelPath: (name: string) => `${mlflow}registered-models/get?${new URLSearchParams({ name })}`,
  registeredModel: async (name: string, s?: AbortSignal) => (await get<{ registered_model: RegisteredModel }>(registryApi.registeredModelPath(name), s)).registered_model,
  // Newest first.
  modelVersionsPath: (name: string, most: number) => `${mlflow}model-versions/search?${new URLSearchParams({ filter: `name = ${quoted(name)}`, max_results: String(most), order_by: "version_number DESC" })}`,
  modelVersions: (name: string, most: number, s?: AbortSignal) => get<{ model_versions?: ModelVersion[]; next_page_token?: string }>(registryApi.modelVersionsPath(name, most), s),
  aliasesPath: (model: string) => own("models", model, "aliases"),
  aliases: async (model: string, s?: AbortSignal) => (await get<Schemas["ModelAliases"]>(registryApi.aliasesPath(model), s)).aliases,
  movesPath: (model: string) => own("models", model, "alias-moves"),
  aliasMoves: async (model: string, s?: AbortSignal) => (await get<Schemas["AliasMoves"]>(registryApi.movesPath(model), s)).moves,
  approveAlias: (model: string, alias: string, version: number, reason: string, actor: string) =>
    post<Schemas["ModelAliases"]>(own("models", model, "aliases", alias, "approve"), { version, reason, actor } satisfies Schemas["AliasApproval"]),
  modelVersionPath: (name: string, version: string) => `${mlflow}model-versions/get?${new URLSearchParams({ name, version })}`,
  modelVersion: async (name: string, version: string, s?: AbortSignal) =>
    (await get<{ model_version: ModelVersion }>(registryApi.modelVersionPath(name, version), s)).model_version,
  versionsOfRun: async (run: string, s?: AbortSignal) =>
    (await get<{ model_versions?: ModelVersion[] }>(`${mlflow}model-versions/search?${new URLSearchParams({ filter: `run_id = '${run}'` })}`, s)).model_versions ?? [],
  registeredModels: async (s?: AbortSignal) =>
    (await get<{ registered_models?: RegisteredModel[] }>(`${mlflow}registered-models/search?max_results=1000`, s)).registered_models ?? [],
};
