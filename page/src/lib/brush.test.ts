import { describe, expect, it } from "vitest";
import { isKept, readBrushes, withBrush } from "./brush";
import { axis } from "./compare";
import { number } from "./format";

const depth = axis({ group: "parameter", name: "depth", values: ["2", "4", "6", null] }, number);
const kind = axis({ group: "parameter", name: "kind:a", values: ["a", "b", "a", "b"] }, number);
const kept = (query: URLSearchParams) => [0, 1, 2, 3].filter((run) => isKept([depth, kind], readBrushes(query), run));

describe("brushes", () => {
  it("keep the runs that lie in all of them", () => {
    const none = new URLSearchParams("runs=x");
    expect(kept(none)).toEqual([0, 1, 2, 3]);
    const deep = withBrush(none, "parameter/depth", { low: 0.4999, high: 1 });
    expect(deep.toString()).toBe("runs=x&keep=parameter%2Fdepth%3A0.49-1");
    expect(kept(deep)).toEqual([1, 2]); // what has no depth lies nowhere
    const both = withBrush(deep, "parameter/kind:a", { low: 0, high: 0.2 });
    expect(kept(both)).toEqual([2]);
    expect(kept(withBrush(both, "parameter/depth", undefined))).toEqual([0, 2]);
    expect(withBrush(deep, "parameter/depth", { low: 0, high: 0 }).getAll("keep")).toEqual(["parameter/depth:0-0"]);
  });
  it("leave out what is none", () => {
    for (const written of ["", "parameter/depth", "parameter/depth:0.6-0.4", "parameter/depth:0-2", "parameter/depth:.-1", ":0-1"]) expect(readBrushes(new URLSearchParams([["keep", written]])).size).toBe(0);
  });
  it("are told by the values at their ends", () => {
    expect([depth.told(0), depth.told(0.5), depth.told(1)]).toEqual(["2", "4", "6"]);
    expect([kind.told(0.4), kind.told(0.6)]).toEqual(["a", "b"]);
    expect(axis({ group: "parameter", name: "rate", values: [0.001, 1] }, number).told(1 / 3)).toBe("0.01");
  });
});
