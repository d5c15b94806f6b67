import { expect, test } from "vitest";
import { fromPeer } from "./links";

test("what MLflow's client prints has an address here", () => {
  expect(fromPeer("#/experiments/2/runs/c4bc")).toBe("/runs/c4bc");
  expect(fromPeer("#/experiments/2/runs/c4bc/artifacts?x=1")).toBe("/runs/c4bc");
  expect(fromPeer("#/experiments/2")).toBe("/experiments/2");
  expect(fromPeer("#/experiments/2/runs")).toBe("/experiments/2");
  expect(fromPeer("#/experiments/2?searchFilter=a")).toBe("/experiments/2");
  expect(fromPeer("#/experiments")).toBe("/experiments");
  expect(fromPeer("#/models")).toBe("/models");
  expect(fromPeer("#/models/m")).toBe("/models/m");
  expect(fromPeer("#/models/m/versions/1")).toBe("/models/m?version=1");
  for (const other of ["", "#", "#content", "#/prompts/p"]) expect(fromPeer(other)).toBeUndefined();
});

test("and so has what Kubeflow's client prints", () => {
  expect(fromPeer("#/runs/details/6f0d")).toBe("/pipeline-runs/6f0d");
  expect(fromPeer("#/experiments/details/6f0d")).toBe("/pipelines");
  expect(fromPeer("#/pipelines/details/6f0d/version/1")).toBe("/pipelines");
});
