// Training beside serving, feature by feature: the shares of each side's rows in the same bins.
import { Button, Group, NativeSelect, SimpleGrid, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { api, ApiError, type ComparedColumn, type Monitor, type PairedHistogram, type Verdicts } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { Numbers } from "../components/numbers";
import { Word } from "../components/words";
import { featureParts, number, percent, time } from "../lib/format";
import "./distributions.css";

const kShownAtFirst = 12;
const kWindowsOffered = 60;

interface Compared {
  monitor: Monitor | undefined;
  windows: Verdicts["windows"]; // that there are rows of, the newest first
  columns: ComparedColumn[];
  call: string;
  why: string; // there are no columns
}

const spanOf = (window: { start: string; end: string }) => `${window.start}..${window.end}`;

// The reference of the endpoint's first monitor beside a window of its shortest kind, or the time that is asked for.
async function load(endpoint: string, serving: string, signal: AbortSignal): Promise<Compared> {
  const monitor = (await api.monitors(signal)).find((each) => each.endpoint === endpoint);
  const kind = monitor?.definition.windows[0];
  if (!monitor || !kind) return { monitor, windows: [], columns: [], call: "", why: "No monitor watches this endpoint, so nothing is said of what it was trained on." };
  const windows = (await api.verdicts(monitor.name, kind, {}, signal)).windows.filter((window) => window.judged && window.rows > 0).reverse();
  const span = serving || (windows[0] ? spanOf(windows[0]) : "");
  if (!span) return { monitor, windows, columns: [], call: "", why: `No ${kind} with requests was judged yet.` };
  const sides = [`monitor:${monitor.name}`, `monitor:${monitor.name}@${span}`] as const;
  const call = api.driftPath(...sides);
  try {
    return { monitor, windows, columns: (await api.drift(...sides, signal)).columns, call, why: "" };
  } catch (problem) {
    // No reference is declared, or nothing was logged in that time: a state, not a failure.
    if (problem instanceof ApiError && [400, 404, 412].includes(problem.status)) return { monitor, windows, columns: [], call, why: problem.message };
    throw problem;
  }
}

export function Distributions({ endpoint }: { endpoint: string }) {
  const [query, setQuery] = useSearchParams();
  const [isAll, setAll] = useState(false);
  const serving = query.get("serving") ?? "";
  const compared = useLive((signal) => load(endpoint, serving, signal), `distributions ${endpoint} ${serving}`, Infinity);
  const choose = (span: string) =>
    setQuery((before) => {
      const after = new URLSearchParams(before);
      if (span) after.set("serving", span);
      else after.delete("serving");
      return after;
    });
  return (
    <section aria-label="Training and serving">
      <Title order={2} size="h4" mt="lg" mb="xs">
        Training and serving
      </Title>
      <Loaded from={compared}>
        {({ monitor, windows, columns, call, why }) => {
          const offered = windows.slice(0, kWindowsOffered).map((window) => ({ value: spanOf(window), label: `from ${time(window.start)}` }));
          const isOther = serving !== "" && !offered.some(({ value }) => value === serving);
          const drawn = columns.filter((column) => column.histogram);
          return (
            <>
              {offered.length > 0 && (
                <Group gap="md" align="end">
                  <NativeSelect
                    label={`Served in the ${monitor?.definition.windows[0] ?? "window"}`}
                    value={serving || offered[0]?.value || ""}
                    onChange={(event) => choose(event.currentTarget.value)}
                    data={isOther ? [{ value: serving, label: serving }, ...offered] : offered}
                  />
                  <span className="key key-training">training: the monitor&apos;s reference</span>
                  <span className="key key-serving">serving</span>
                </Group>
              )}
              {why ? (
                <Empty title="There is nothing to compare.">
                  <Text size="sm">{why}</Text>
                </Empty>
              ) : (
                <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="md">
                  {(isAll ? drawn : drawn.slice(0, kShownAtFirst)).map((column) => (
                    <Card key={column.column} of={column} call={call} />
                  ))}
                </SimpleGrid>
              )}
              {drawn.length > kShownAtFirst && (
                <Group>
                  <Button size="xs" variant="default" onClick={() => setAll(!isAll)}>
                    {isAll ? `The ${kShownAtFirst} that moved most` : `All ${drawn.length} features`}
                  </Button>
                </Group>
              )}
              {columns.length > drawn.length && (
                <Text size="xs" c="dimmed">
                  Without a histogram:{" "}
                  {columns
                    .filter((column) => !column.histogram)
                    .map((column) => `${column.column} (${column.notes[0] ?? column.verdict})`)
                    .join(", ")}
                  .
                </Text>
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Card({ of, call }: { of: ComparedColumn; call: string }) {
  const { view, column } = featureParts(of.column);
  const { histogram } = of;
  if (!histogram) return null;
  const names = binNames(histogram);
  return (
    <figure className="chart" aria-label={`${of.column}: ${of.verdict}`}>
      <figcaption>
        <span>
          {view && <span className="dim">{view}.</span>}
          {column}
        </span>
        <Word of={of.verdict} />
        <Numbers of={`Training and serving of ${of.column}`} call={call} names={["bin", "training", "serving"]} rows={() => names.map((name, bin) => [name, histogram.reference[bin], histogram.current[bin]])} />
      </figcaption>
      {histogram.edges ? <Bins histogram={histogram} names={names} /> : <Categories histogram={histogram} names={names} />}
      <Text size="xs" c="dimmed" className="figures">
        {of.method_title && `${of.method_title} ${number(of.score)}, limit ${number(of.threshold)}. `}
        {(of.reference.missing > 0 || of.current.missing > 0) && `Missing: ${percent(of.reference.missing_rate)} in training, ${percent(of.current.missing_rate)} served. `}
        {of.notes.join("; ")}
      </Text>
    </figure>
  );
}

function binNames({ edges, labels, reference }: PairedHistogram): string[] {
  return labels ?? reference.map((_, bin) => `${number(edges?.[bin])} to ${number(edges?.[bin + 1])}`);
}

const kWidth = 300;
const kHeight = 90;

// Numbers: serving as bars, training as an outline over them.
function Bins({ histogram: { edges = [], reference, current }, names }: { histogram: PairedHistogram; names: string[] }) {
  const most = Math.max(...reference, ...current, Number.MIN_VALUE);
  const width = kWidth / reference.length;
  const y = (share: number) => kHeight - (share / most) * kHeight;
  const outline = reference.map((share, bin) => `${bin === 0 ? "M" : "L"}${bin * width} ${y(share)}L${(bin + 1) * width} ${y(share)}`).join("");
  return (
    <>
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} preserveAspectRatio="none" className="bins" role="img" aria-label={words(names, reference, current)}>
        {current.map((share, bin) => (
          <rect key={names[bin]} x={bin * width + 0.5} width={Math.max(0.5, width - 1)} y={y(share)} height={kHeight - y(share)} className="bins-serving" />
        ))}
        <path d={outline} className="bins-training" />
        {names.map((name, bin) => (
          <rect key={name} x={bin * width} width={width} y={0} height={kHeight} fill="transparent">
            <title>{`${name}\ntraining ${percent(reference[bin])}, serving ${percent(current[bin])}`}</title>
          </rect>
        ))}
      </svg>
      <div className="bins-ends figures" aria-hidden>
        <span>{number(edges[0])}</span>
        <span>{number(edges.at(-1))}</span>
      </div>
    </>
  );
}

function Categories({ histogram: { reference, current }, names }: { histogram: PairedHistogram; names: string[] }) {
  const most = Math.max(...reference, ...current, Number.MIN_VALUE);
  return (
    <table className="categories" aria-label="Shares of the categories">
      <tbody>
        {names.map((name, bin) => (
          <tr key={name}>
            <th scope="row" title={name}>
              {name}
            </th>
            <td aria-hidden>
              <i className="category-training" style={{ width: `${(100 * (reference[bin] ?? 0)) / most}%` }} />
              <i className="category-serving" style={{ width: `${(100 * (current[bin] ?? 0)) / most}%` }} />
            </td>
            <td className="figures">
              {percent(reference[bin])} → {percent(current[bin])}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const words = (names: string[], reference: number[], current: number[]) => `Shares, training and serving: ${names.map((name, bin) => `${name}: ${percent(reference[bin])}, ${percent(current[bin])}`).join("; ")}`;
