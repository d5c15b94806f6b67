// Where the steps of a graph are drawn: in layers, each behind all it needs, with few crossings. Pure functions.

export interface Place {
  layer: number;
  row: number; // within its layer, of as many as `rows` says
}

export interface Layers {
  places: Map<string, Place>;
  edges: { from: string; to: string; via: Place[] }[]; // via: the places that a line takes through the layers between
  rows: number[]; // of each layer, those that lines take included
}

interface Node {
  layer: number;
  before: Node[];
  after: Node[];
}

const kSweeps = 4;

function layerOf(name: string, needs: Map<string, string[]>, known: Map<string, number>): number {
  const before = known.get(name);
  if (before !== undefined) return before;
  known.set(name, 0); // a circle would end here
  const layer = Math.max(-1, ...(needs.get(name) ?? []).map((need) => layerOf(need, needs, known))) + 1;
  known.set(name, layer);
  return layer;
}

// Each node to the mean of those it hangs together with in the layer beside.
function sweep(layers: Node[][], side: "before" | "after") {
  const order = side === "before" ? layers : [...layers].reverse();
  const row = new Map(layers.flatMap((layer) => layer.map((node, index) => [node, index] as const)));
  for (const layer of order) {
    const wish = new Map(
      layer.map((node) => {
        const near = node[side].map((other) => row.get(other) ?? 0);
        return [node, near.length ? near.reduce((sum, each) => sum + each, 0) / near.length : (row.get(node) ?? 0)] as const;
      }),
    );
    layer.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0)); // stable: equals stay as they are
    layer.forEach((node, index) => row.set(node, index));
  }
}

export function layered(steps: { name: string; needs: string[] }[]): Layers {
  const needs = new Map(steps.map((step) => [step.name, step.needs.filter((need) => steps.some(({ name }) => name === need))]));
  const known = new Map<string, number>();
  const layers: Node[][] = [];
  const add = (layer: number): Node => {
    const node: Node = { layer, before: [], after: [] };
    (layers[layer] ??= []).push(node);
    return node;
  };
  for (const step of steps) layerOf(step.name, needs, known);
  const deepest = Math.max(-1, ...known.values());
  for (let layer = 0; layer <= deepest; ++layer) layers[layer] = [];
  const nodes = new Map(steps.map((step) => [step.name, add(known.get(step.name) ?? 0)]));
  const lines: { from: string; to: string; via: Node[] }[] = [];
  for (const [to, froms] of needs) {
    for (const from of froms) {
      const [first, last] = [nodes.get(from), nodes.get(to)];
      if (!first || !last) continue;
      const via: Node[] = [];
      for (let layer = first.layer + 1; layer < last.layer; ++layer) via.push(add(layer));
      [first, ...via].forEach((node, index) => {
        const next = via[index] ?? last;
        node.after.push(next);
        next.before.push(node);
      });
      lines.push({ from, to, via });
    }
  }
  for (let turn = 0; turn < kSweeps; ++turn) sweep(layers, turn % 2 === 0 ? "before" : "after");
  const place = (node: Node): Place => ({ layer: node.layer, row: layers[node.layer]?.indexOf(node) ?? 0 });
  return {
    places: new Map([...nodes].map(([name, node]) => [name, place(node)])),
    edges: lines.map(({ from, to, via }) => ({ from, to, via: via.map(place) })),
    rows: layers.map((layer) => layer.length),
  };
}
