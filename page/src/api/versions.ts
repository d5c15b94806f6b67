// Versions of folders.
import { get, own } from "./fetch";

export interface DataRef {
  kind: "branch" | "tag";
  name: string;
  commit: string;
  moved: string;
  by: string;
}

export interface DataRepository {
  name: string;
  created: string;
  refs: DataRef[];
}

export interface StoredRepository extends DataRepository {
  objects: number;
  bytes: number;
}

export interface DataCommit {
  commit: string;
  parents: string[];
  author: string;
  message: string;
  time: string;
  files: number;
  bytes: number;
}

export interface DataFolder {
  commit: string;
  path: string;
  total: number; // of entries, of which those asked for are here
  entries: { name: string; kind: "file" | "program" | "link" | "folder"; bytes?: number }[];
}

export type FileChangeWord = "added" | "removed" | "changed" | "moved";

export interface DataChanges {
  from: string;
  to: string;
  changed: number;
  counts: Record<FileChangeWord, number>;
  bytes_before: number;
  bytes_after: number;
  changes: { path: string; change: FileChangeWord; bytes_before?: number; bytes_after?: number; moved_from?: string }[];
}

export const versionsApi = {
  repositoriesPath: own("data"),
  repositories: async (s?: AbortSignal) => (await get<{ repositories: DataRepository[] }>(versionsApi.repositoriesPath, s)).repositories,
  repository: (name: string, s?: AbortSignal) => get<StoredRepository>(own("data", name), s),
  dataLogPath: (name: string, ref: string, most: number) => `${own("data", name, "log")}?${new URLSearchParams({ ref, limit: String(most) })}`,
  dataLog: async (name: string, ref: string, most: number, s?: AbortSignal) => (await get<{ commits: DataCommit[] }>(versionsApi.dataLogPath(name, ref, most), s)).commits,
  dataFolderPath: (name: string, ref: string, path: string, offset: number, most: number) => `${own("data", name, "files")}?${new URLSearchParams({ ref, path, offset: String(offset), limit: String(most) })}`,
  dataFolder: (name: string, ref: string, path: string, offset: number, most: number, s?: AbortSignal) => get<DataFolder>(versionsApi.dataFolderPath(name, ref, path, offset, most), s),
  dataFilePath: (name: string, ref: string, path: string) => `${own("data", name, "file")}?${new URLSearchParams({ ref, path })}`,
  dataChangesPath: (name: string, from: string, to: string, most: number) => `${own("data", name, "diff")}?${new URLSearchParams({ from, to, limit: String(most) })}`,
  dataChanges: (name: string, from: string, to: string, most: number, s?: AbortSignal) => get<DataChanges>(versionsApi.dataChangesPath(name, from, to, most), s),
};
