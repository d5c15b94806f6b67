import { Anchor, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Head } from "../components/words";
import { drawn, layered } from "../lib/layers";
import { type Made, trace } from "./trace";
import "../components/graph.css";
import { PlainTable } from "../components/plain_table";
import "./lineage.css";

const kNode = { width: 172, height: 56 };
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

function Asked({ of }: { of: string }) {
  const [typed, setTyped] = useState(of);
  const [, setQuery] = useSearchParams();
  const show = (event: FormEvent) => {
    event.preventDefault();
    setQuery(typed.trim() ? { of: typed.trim() } : {});
  };
  return (
    <form onSubmit={show}>
      <Group align="flex-end" gap="sm">
        <TextInput label="Id" className="filter" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
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
        A prediction's request id, a run's or a pipeline run's id, models:/NAME/VERSION, dataset:NAME or feature:COLUMN; of what others have told, a run's id or NAMESPACE/NAME. Predictions lead back to model, run, data and code; a feature leads to every model that
        answers with it.
      </Text>
    </Empty>
  );
}

function Traced({ of }: { of: string }) {
  const traced = useLive((signal) => trace(of, signal), of, 30, ["models", "pipelines", "datasets", "endpoints", "features", "projects"]);
  return (
    <Loaded from={traced}>
      {({ start, found }) => (
        <Stack gap="lg">
          <Drawn found={found} start={start} />
          <Listed found={found} start={start} />
        </Stack>
      )}
    </Loaded>
  );
}

function Drawn({ found, start }: { found: Made[]; start: string }) {
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

function Listed({ found, start }: { found: Made[]; start: string }) {
  const titles = new Map(found.map(({ key, kind, title }) => [key, `${kind} ${title}`]));
  const needsOf = ({ needs }: Made) => needs.map((need) => titles.get(need)).join(", ");
  return (
    <PlainTable
      name="Lineage"
      minWidth={720}
      rows={found}
      keyOf={({ key }) => key}
      isCurrent={({ key }) => key === start}
      file={{ of: "lineage" }}
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
        { title: "Detail", cell: ({ detail }) => detail || "–", kind: "break", value: ["detail", ({ detail }) => detail] },
        {
          title: "Its own",
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
