// Features that were served, and recomputed.
import { get, own } from "./fetch";
import type { Schemas } from "./schemas";

export type FeatureSpread = NonNullable<Schemas["FeatureSpread"]>;
export type SkewedFeature = Schemas["SkewedFeature"];
export type Skew = Schemas["Skew"];
export type FeatureViewFacts = Schemas["FeatureView"];
export type ExplainedFeature = Schemas["ExplainedFeature"];
export type ExplainedRequest = Schemas["ExplainedRequest"];
export type FeatureDefinitions = Schemas["FeatureDefinitions"];

export const featuresApi = {
  skewPath: (endpoint: string) => `${own("features", "skew")}?endpoint=${encodeURIComponent(endpoint)}`,
  skew: (endpoint: string, s?: AbortSignal) => get<Skew>(featuresApi.skewPath(endpoint), s),
  explainPath: (endpoint: string, request: string, feature: string) => `${own("features", "explain")}?${new URLSearchParams({ endpoint, request, feature })}`,
  explain: (endpoint: string, request: string, feature: string, s?: AbortSignal) => get<ExplainedRequest>(featuresApi.explainPath(endpoint, request, feature), s),
  featuresPath: own("features"),
  features: (s?: AbortSignal) => get<FeatureDefinitions>(featuresApi.featuresPath, s),
};
