import { expect, test } from "vitest";
import { fromMlflow } from "./links";

test("what MLflow's client prints has an address here", () => {
  expect(fromMlflow("#/experiments/2/runs/c4bc")).toBe("/runs/c4bc");
  expect(fromMlflow("#/experiments/2/runs/c4bc/artifacts?x=1")).toBe("/runs/c4bc");
  expect(fromMlflow("#/experiments/2")).toBe("/experiments/2");
  expect(fromMlflow("#/experiments/2/runs")).toBe("/experiments/2");
  expect(fromMlflow("#/experiments/2?searchFilter=a")).toBe("/experiments/2");
  expect(fromMlflow("#/experiments")).toBe("/experiments");
  expect(fromMlflow("#/models")).toBe("/models");
  expect(fromMlflow("#/models/m")).toBe("/models/m");
  expect(fromMlflow("#/models/m/versions/1")).toBe("/models/m?version=1");
  for (const other of ["", "#", "#content", "#/prompts/p"]) expect(fromMlflow(other)).toBeUndefined();
});
