// Who reads a feature view. Pure functions.
import type { Endpoint, FeatureDefinitions, FeatureViewFacts } from "../api";

export interface Consumers {
  services: { name: string; version: number; features: string[] }[]; // with the features of the view that each gives
  endpoints: { name: string; service: string; phase: string; models: { model: string; version: number; role: string }[] }[];
}

// A feature without its view's name.
export const columnOf = (view: Pick<FeatureViewFacts, "name">, feature: string) => feature.slice(view.name.length + "__".length);

export function consumersOf(view: Pick<FeatureViewFacts, "name" | "features">, { services }: FeatureDefinitions, endpoints: Endpoint[]): Consumers {
  const reading = services.flatMap(({ name, version, outputs }) => {
    const features = outputs.map((output) => output.name).filter((output) => view.features.includes(output));
    return features.length > 0 ? [{ name, version, features }] : [];
  });
  return {
    services: reading,
    endpoints: endpoints
      .filter(({ definition }) => reading.some(({ name }) => name === definition.features))
      .map(({ name, definition, rollout, revision }) => ({
        name,
        service: definition.features ?? "",
        phase: rollout.phase,
        models: (revision?.variants ?? []).map(({ model, version, role, name: variant }) => ({ model, version, role: role === "shadow" ? "shadow" : variant })),
      })),
  };
}
