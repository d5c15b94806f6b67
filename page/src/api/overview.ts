// The event clock and the models in production.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type Clock = Schemas["Clock"];

export type HealthWord = Schemas["ModelOverview"]["health"];

export type Phase = Schemas["ModelOverview"]["phase"];

export type ModelOverview = Schemas["ModelOverview"];
export type Overview = Schemas["Overview"];

export const overviewApi = {
  clock: (s?: AbortSignal) => get<Clock>(own("clock"), s),
  overviewPath: own("overview"),
  overview: (s?: AbortSignal) => get<Overview>(overviewApi.overviewPath, s),
};
