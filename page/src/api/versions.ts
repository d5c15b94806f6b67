// Versions of folders.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type DataRef = Schemas["DataRef"];
export type DataRepository = Schemas["DataRepository"];
export type StoredRepository = Schemas["StoredRepository"];
export type DataCommit = Schemas["DataCommit"];
export type DataFolder = Schemas["DataFolder"];

export type FileChangeWord = Schemas["FileChange"]["change"];

export type DataChanges = Schemas["DataChanges"];

export const versionsApi = {
  repositoriesPath: own("data"),
  repositories: async (s?: AbortSignal) => (await get<Schemas["DataRepositories"]>(versionsApi.repositoriesPath, s)).repositories,
  repository: (name: string, s?: AbortSignal) => get<StoredRepository>(own("data", name), s),
  dataLogPath: (name: string, ref: string, most: number) => `${own("data", name, "log")}?${new URLSearchParams({ ref, limit: String(most) })}`,
  dataLog: async (name: string, ref: string, most: number, s?: AbortSignal) => (await get<Schemas["DataCommits"]>(versionsApi.dataLogPath(name, ref, most), s)).commits,
  dataFolderPath: (name: string, ref: string, path: string, offset: number, most: number) => `${own("data", name, "files")}?${new URLSearchParams({ ref, path, offset: String(offset), limit: String(most) })}`,
  dataFolder: (name: string, ref: string, path: string, offset: number, most: number, s?: AbortSignal) => get<DataFolder>(versionsApi.dataFolderPath(name, ref, path, offset, most), s),
  dataFilePath: (name: string, ref: string, path: string) => `${own("data", name, "file")}?${new URLSearchParams({ ref, path })}`,
  dataChangesPath: (name: string, from: string, to: string, most: number) => `${own("data", name, "diff")}?${new URLSearchParams({ from, to, limit: String(most) })}`,
  dataChanges: (name: string, from: string, to: string, most: number, s?: AbortSignal) => get<DataChanges>(versionsApi.dataChangesPath(name, from, to, most), s),
};
