// What answering costs, and how it could be served.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

// One way to serve an endpoint.
export type ServingOption = Schemas["ServingOption"];
export type Advice = Schemas["Advice"];

// What answering takes, measured since the server started.
export type VersionCost = Schemas["VersionCost"];

export const costsApi = {
  costs: async (name: string, s?: AbortSignal) =>
    (await get<Schemas["EndpointCosts"]>(own("endpoints", name, "cost"), s)).versions,
  allCostsPath: own("costs"),
  allCosts: async (s?: AbortSignal) => (await get<Schemas["AllCosts"]>(costsApi.allCostsPath, s)).versions,
  advicePath: (name: string, target: Record<string, string>) => `${own("endpoints", name, "advice")}?${new URLSearchParams(target)}`,
  advice: (name: string, target: Record<string, string>, s?: AbortSignal) => get<Advice>(costsApi.advicePath(name, target), s),
};
