import { Anchor, Autocomplete, Button, Group, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { api, together } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Head } from "../components/words";
import { readable } from "../lib/format";
import { drawn, layered } from "../lib/layers";
import { computed, type Made, trace } from "./trace";
import "../components/graph.css";
import { Numbers } from "../components/numbers";
import { PlainTable } from "../components/plain_table";
import "./lineage.css";

const kNode = { width: 204, height: 56 };
const kGap = { along: 32, across: 14 };

// What something was made from, to its left, and what was made of it, to its right. The address names it: `of`.
export function LineagePage() {
  const [query] = useSearchParams();
  const of = query.get("of") ?? "";
  return (
    <>
      <Head title="Lineage" />
      <Stack gap="lg">
        <Asked key={of} of={of} />
        {of === "" ? <Nothing /> : <Traced of={of} />}
      </Stack>
    </>
  );
}

const kSuggestedMax = 12;

// What there is to ask for: columns, datasets, versions that answer.
async function loadNames(signal: AbortSignal): Promise<string[]> {
  const [definitions, datasets, { models }] = await together(() => Promise.all([api.features(), api.datasets(), api.overview()]), signal);
  const { views, services } = definitions;
  const raw = computed(definitions).flatMap(({ dataset, reads, around }) => (dataset === undefined ? [] : [...reads, ...around].filter(Boolean).map((name) => `column:${dataset}.${name}`)));
  const columns = [...views.flatMap(({ features }) => features), ...services.flatMap(({ request }) => request.map(({ name }) => name))];
  return [
    ...[...new Set(columns)].sort().map((name) => `feature:${name}`),
    ...[...new Set(raw)].sort(),
    ...datasets.map(({ name }) => `dataset:${name}`),
    ...new Set(models.filter(({ version }) => version !== null).map(({ name, version }) => `models:/${name}/${version}`)),
  ];
}

function Asked({ of }: { of: string }) {
  const [typed, setTyped] = useState(of);
  const [names, setNames] = useState<string[]>();
  // Nobody waits for them: who types a whole name needs none.
  const suggest = () => {
    if (names) return;
    setNames([]);
    void loadNames(new AbortController().signal).then(setNames, () => setNames(undefined));
  };
  const [, setQuery] = useSearchParams();
  const go = (to: string) => setQuery(to.trim() ? { of: to.trim() } : {});
  const show = (event: FormEvent) => {
    event.preventDefault();
    go(typed);
  };
  return (
    <form onSubmit={show}>
      <Group align="flex-end" gap="sm">
        <Autocomplete label="Lineage of" placeholder="a column, or models:/NAME/VERSION" className="filter" data={names ?? []} limit={kSuggestedMax} value={typed} onChange={setTyped} onFocus={suggest} onOptionSubmit={go} />
        <Button type="submit" variant="default">
          Show
        </Button>
      </Group>
    </form>
  );
}

function Nothing() {
  return (
    <Empty title="Of what?">
      <Text size="sm">
        A column's name, of a dataset or a feature: it leads to every model that answers with it. A prediction's request id, a run's or a pipeline run's id, models:/NAME/VERSION or dataset:NAME: they lead back to model, run, data and code, and on to what was made of them. Of what others have told, a run's id or
        NAMESPACE/NAME.
      </Text>
    </Empty>
  );
}

function Traced({ of }: { of: string }) {
  const traced = useLive((signal) => trace(of, signal), of, 30, ["models", "pipelines", "datasets", "endpoints", "features", "projects"]);
  return (
    <Loaded from={traced}>
      {(traced) => <Found {...traced} />}
    </Loaded>
  );
}

interface FoundProps {
  found: Made[];
  start: string;
  call: string;
}

// On a telephone a graph shows two of its boxes at once: there the same is a list.
function Found(props: FoundProps) {
  const isNarrow = useMediaQuery("(max-width: 48em)") ?? false;
  if (isNarrow) return <Cards {...props} />;
  return (
    <Stack gap="lg">
      <Drawn {...props} />
      <Listed {...props} />
    </Stack>
  );
}

// From what was first to what was made of it.
function Cards({ found, start, call }: FoundProps) {
  const { places } = layered(found.map(({ key, needs }) => ({ name: key, needs })));
  const layerOf = ({ key }: Made) => places.get(key)?.layer ?? 0;
  const titles = titlesOf(found);
  return (
    <section aria-label="Lineage, from first to last">
      <ol className="lineage-cards">
        {[...found]
          .sort((a, b) => layerOf(a) - layerOf(b))
          .map((made) => (
            <li key={made.key} className={made.key === start ? "lineage-start" : ""} aria-current={made.key === start || undefined}>
              <Text size="xs" c="dimmed">
                {made.kind}
              </Text>
              <Text size="sm" fw={600} className="break" component="div">
                {made.to ? (
                  <Anchor component={Link} inherit to={made.to}>
                    {made.title}
                  </Anchor>
                ) : (
                  made.title
                )}
              </Text>
              {made.detail && (
                <Text size="xs" className="break">
                  {readable(made.detail)}
                </Text>
              )}
              {made.needs.length > 0 && (
                <Text size="xs" c="dimmed" className="break">
                  made from {made.needs.map((need) => titles.get(need)).join(", ")}
                </Text>
              )}
              {made.of && made.key !== start && (
                <Anchor component={Link} size="xs" to={`?of=${encodeURIComponent(made.of)}`} aria-label={`lineage of ${made.kind} ${made.title}`}>
                  lineage
                </Anchor>
              )}
            </li>
          ))}
      </ol>
      <Numbers of="lineage" call={call} names={["what", "name", "made from", "detail"]} rows={() => found.map((made) => [made.kind, made.title, made.needs.map((need) => titles.get(need)).join(", "), made.detail])} />
    </section>
  );
}

const titlesOf = (found: Made[]) => new Map(found.map(({ key, kind, title }) => [key, `${kind} ${title}`]));

function Drawn({ found, start }: FoundProps) {
  const shape = JSON.stringify(found.map(({ key, needs }) => ({ name: key, needs })));
  const { width, height, corners, lines } = useMemo(() => drawn(layered(JSON.parse(shape) as { name: string; needs: string[] }[]), kNode, kGap), [shape]);
  const at = (key: string) => corners.get(key) ?? { x: 0, y: 0 };
  const graph = useRef<HTMLElement>(null);
  const startsAt = at(start).x;
  // What was asked for is in sight on a narrow screen, too.
  useEffect(() => {
    if (graph.current) graph.current.scrollLeft = startsAt + kNode.width / 2 - graph.current.clientWidth / 2;
  }, [startsAt]);
  // The tab key goes as the eyes do: from what was first to what was made of it.
  const inOrder = [...found].sort((a, b) => at(a.key).x - at(b.key).x || at(a.key).y - at(b.key).y);
  return (
    <section aria-label="Graph" className="graph" tabIndex={0} ref={graph}>
      <div style={{ position: "relative", width, height }}>
        <svg width={width} height={height} className="graph-edges" aria-hidden>
          {lines.map(({ from, to, path }) => (
            <path key={`${from} ${to}`} d={path} className={from === start || to === start ? "graph-near" : undefined} />
          ))}
        </svg>
        {inOrder.map((made) => (
          <Box key={made.key} made={made} isStart={made.key === start} {...at(made.key)} />
        ))}
      </div>
    </section>
  );
}

function Box({ made, isStart, x, y }: { made: Made; isStart: boolean; x: number; y: number }) {
  const look = { className: `node lineage-node${isStart ? " lineage-start" : ""}`, style: { left: x, top: y, ...kNode } };
  const text = (
    <span className="node-text">
      <span className="dim">{made.kind}</span> <b title={made.title}>{made.title}</b>
    </span>
  );
  if (!made.to) return <div {...look}>{text}</div>;
  return (
    <Link to={made.to} aria-current={isStart ? "true" : undefined} {...look}>
      {text}
    </Link>
  );
}

function Listed({ found, start, call }: FoundProps) {
  const titles = titlesOf(found);
  const needsOf = ({ needs }: Made) => needs.map((need) => titles.get(need)).join(", ");
  return (
    <PlainTable
      name="Lineage"
      minWidth={720}
      rows={found}
      keyOf={({ key }) => key}
      isCurrent={({ key }) => key === start}
      file={{ of: "lineage", call }}
      columns={[
        { title: "What", cell: ({ kind }) => kind, kind: "nowrap", value: ["what", ({ kind }) => kind] },
        {
          title: "Name",
          cell: ({ to, title }) =>
            to ? (
              <Anchor component={Link} size="sm" to={to}>
                {title}
              </Anchor>
            ) : (
              title
            ),
          kind: "break",
          value: ["name", ({ title }) => title],
        },
        { title: "Made from", cell: (made) => needsOf(made) || "–", kind: "break", value: ["made from", needsOf] },
        { title: "Detail", cell: ({ detail }) => readable(detail) || "–", kind: "break", value: ["detail", ({ detail }) => detail] },
        {
          title: "Lineage",
          cell: ({ of, key, kind, title }) =>
            of &&
            key !== start && (
              <Anchor component={Link} size="sm" to={`?of=${encodeURIComponent(of)}`} aria-label={`lineage of ${kind} ${title}`}>
                lineage
              </Anchor>
            ),
        },
      ]}
    />
  );
}
