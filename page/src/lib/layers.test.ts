import { expect, test } from "vitest";
import { drawn, layered } from "./layers";

const graph = (text: string) =>
  text.split(";").map((part) => {
    const [name = "", needs = ""] = part.trim().split("<");
    return { name: name.trim(), needs: needs.split(",").map((need) => need.trim()).filter(Boolean) };
  });

test.each([
  ["nothing", "", []],
  ["one", "a", [1]],
  ["a chain", "a; b < a; c < b", [1, 1, 1]],
  ["side by side", "a; b; c", [3]],
  ["a diamond", "a; b < a; c < a; d < b, c", [1, 2, 1]],
  ["a long line has a row of its own in each layer between", "a; b < a; c < b; d < c, a", [1, 2, 2, 1]],
  ["written in another order", "c < b; b < a; a", [1, 1, 1]],
  ["needs that are not there", "a < gone", [1]],
])("%s", (_, text, rows) => {
  const found = layered(text ? graph(text) : []);
  expect(found.rows).toEqual(rows);
  for (const { from, to, via } of found.edges) {
    const [first, last] = [found.places.get(from)?.layer ?? NaN, found.places.get(to)?.layer ?? NaN];
    expect(via.map(({ layer }) => layer)).toEqual(Array.from({ length: last - first - 1 }, (_, index) => first + 1 + index));
  }
  const taken = [...found.places.values(), ...found.edges.flatMap(({ via }) => via)].map(({ layer, row }) => `${layer}/${row}`);
  expect(new Set(taken).size).toBe(taken.length); // no two at the same place
});

test("lines that need not cross don't", () => {
  const { places, edges } = layered(graph("a; b; c; x < c; y < b; z < a"));
  const row = (name: string) => places.get(name)?.row ?? NaN;
  const crossings = edges.flatMap((one) => edges.filter((two) => row(one.from) < row(two.from) && row(one.to) > row(two.to)));
  expect(crossings).toEqual([]);
});

test("a circle ends", () => {
  expect(layered(graph("a < b; b < a")).places.size).toBe(2);
});

test("what is drawn lies beside each other, its lines from edge to edge", () => {
  const { width, height, corners, lines } = drawn(layered(graph("a; b < a; c < a; d < b, c")), { width: 100, height: 40 }, { along: 20, across: 10 });
  expect([width, height]).toEqual([340, 90]);
  expect(corners.get("a")).toEqual({ x: 0, y: 25 });
  expect(corners.get("b")).toEqual({ x: 120, y: 0 });
  expect(corners.get("c")).toEqual({ x: 120, y: 50 });
  expect(lines.find(({ from, to }) => from === "a" && to === "c")?.path).toBe("M100 45C110 45 110 70 120 70");
  expect(drawn(layered([]), { width: 100, height: 40 }, { along: 20, across: 10 }).width).toBe(0);
});

test("downwards it is the same with the sides changed", () => {
  const layers = layered(graph("a; b < a; c < a; d < b, c"));
  const { width, height, corners, lines } = drawn(layers, { width: 100, height: 40 }, { along: 20, across: 10 }, "down");
  expect([width, height]).toEqual([210, 160]);
  expect(corners.get("c")).toEqual({ x: 110, y: 60 });
  expect(lines.find(({ from, to }) => from === "a" && to === "c")?.path).toBe("M105 40C105 50 160 50 160 60");
});
