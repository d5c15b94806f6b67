// Who may do what.
import { answer, get, ifAbsent, mlflow, own, post, together } from "./fetch";
import type { Schemas } from "./schemas";

export type Me = Schemas["Me"];

export interface User {
  username: string;
  is_admin: boolean;
  roles: { id: number; name: string }[];
}

export interface Permission {
  resource_type: string; // "workspace", "experiment", "registered_model"
  resource_pattern: string; // an id, or "*"
  permission: string;
}

// What a user holds, by name and through roles.
export interface Held {
  is_admin: boolean;
  permissions: Permission[];
}

export interface Role {
  id: number;
  name: string;
  workspace: string;
  description: string | null;
  permissions: Permission[];
}

export type Token = Schemas["Token"];

export type NewToken = Schemas["NewToken"];

export const accessApi = {
  // Nobody where login is off, which a batch says without an error in the browser's console.
  me: (s?: AbortSignal): Promise<Me | null> =>
    ifAbsent(together(() => get<Me>(own("me")), s), null),
  usersPath: mlflow + "users/list",
  users: async (s?: AbortSignal) => (await get<{ users: User[] }>(accessApi.usersPath, s)).users,
  rolesPath: "/api/3.0/mlflow/roles/list?workspace=default",
  roles: async (s?: AbortSignal) => (await get<{ roles: Role[] }>(accessApi.rolesPath, s)).roles,
  permissionsOf: (user: string, s?: AbortSignal) => get<Held>(`/api/3.0/mlflow/users/permissions/list?username=${encodeURIComponent(user)}`, s),
  tokensPath: (user: string) => `${own("tokens")}?user=${encodeURIComponent(user)}`,
  tokens: async (user: string, s?: AbortSignal) => (await get<Schemas["Tokens"]>(accessApi.tokensPath(user), s)).tokens,
  makeToken: (user: string, name: string, seconds?: number) => post<NewToken>(own("tokens"), { user, name, ...(seconds === undefined ? {} : { expires_in_seconds: seconds }) }),
  takeTokenBack: (id: string) => answer(own("tokens", id), { method: "DELETE" }),
};
