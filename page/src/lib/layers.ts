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

export interface Drawn {
  width: number;
  height: number;
  corners: Map<string, { x: number; y: number }>; // upper left
  lines: { from: string; to: string; path: string }[]; // as SVG has them
}

// Layers one behind the other, to the right or down, each in the middle of the widest.
export function drawn(
  layers: Layers,
  node: { width: number; height: number },
  gap: { along: number; across: number },
  direction: "right" | "down" = "right",
): Drawn {
  const isDown = direction === "down";
  const [depth, breadth] = isDown ? [node.height, node.width] : [node.width, node.height];
  const most = Math.max(1, ...layers.rows);
  const across = breadth + gap.across;
  const point = (along: number, aside: number) => (isDown ? { x: aside, y: along } : { x: along, y: aside });
  const place = ({ layer, row }: Place): [number, number] => [layer * (depth + gap.along), (row + (most - (layers.rows[layer] ?? 1)) / 2) * across];
  const text = (along: number, aside: number) => {
    const { x, y } = point(along, aside);
    return `${x} ${y}`;
  };
  // A line leaves at the far side, arrives at the near side, and crosses a layer between over its whole depth.
  const path = (from: Place, via: Place[], to: Place) => {
    const points = [from, ...via, to].flatMap((each, index, all): [number, number][] => {
      const [along, aside] = place(each);
      const enter: [number, number] = [along, aside + breadth / 2];
      const leave: [number, number] = [along + depth, aside + breadth / 2];
      return index === 0 ? [leave] : index === all.length - 1 ? [enter] : [enter, leave];
    });
    return points
      .map(([along, aside], index) => {
        const before = points[index - 1];
        if (!before) return `M${text(along, aside)}`;
        const middle = (before[0] + along) / 2;
        return `C${text(middle, before[1])} ${text(middle, aside)} ${text(along, aside)}`;
      })
      .join("");
  };
  const { x: width, y: height } = point(Math.max(0, layers.rows.length * (depth + gap.along) - gap.along), most * across - gap.across);
  return {
    width,
    height,
    corners: new Map([...layers.places].map(([name, each]) => [name, point(...place(each))])),
    lines: layers.edges.flatMap(({ from, to, via }) => {
      const [first, last] = [layers.places.get(from), layers.places.get(to)];
      return first && last ? [{ from, to, path: path(first, via, last) }] : [];
    }),
  };
}
