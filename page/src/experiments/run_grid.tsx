// A table of any number of runs and columns: only what is seen is drawn. Pinned columns stay at the left.
import { ActionIcon, Anchor, Checkbox, Text } from "@mantine/core";
import { type ReactNode, type UIEvent, useLayoutEffect, useRef, useState } from "react";
import { Link } from "react-router";
import type { RunGroup } from "../api";
import { move } from "../components/arrows";
import { boxHeight, findLine, isSortable, kindOf, kindWord, kName, lines, type Order, scrolled, seenColumns, type Stretch, titleOf } from "../lib/run_table";
import { number, plural } from "../lib/format";
import type { Row } from "../lib/rows";
import { cell } from "./run_cells";
import type { Line } from "./run_rows";
import "../components/side_scroll.css";
import "./run_grid.css";

const kRowPixels = 34;
const kHeadPixels = 46;
const kRowsAround = 6; // drawn beyond what is seen, for the next step
const kColumnsAround = 300; // pixels
const kNarrow = 600;
const kNameNarrow = 170;
const kNameMin = 270;
const kNameUsual = 420;
const kNameMost = 640;
const kWidths = { metrics: 130, params: 130, tags: 150, attributes: 150, computed: 120 };

export interface GridGroup {
  title: string;
  of: RunGroup;
  isOpen: boolean;
}

export interface RunGridProps {
  of: string; // what the rows are: another text begins at the top
  columns: string[];
  pins: string[];
  order: Order | null;
  groups: GridGroup[] | null; // null: runs alone
  stretches: Stretch[];
  rowAt: (stretch: number, row: number) => Row | undefined;
  chosen: string[];
  choose: (id: string, name: string, is: boolean) => void;
  sort: (column: string) => void;
  pin: (column: string) => void;
  open: (group: number) => void;
  look: (from: Line, to: Line, ids: string[]) => void; // what is seen
}

const kNameShare = 0.28; // of the table's width, however many columns there are

// Names take what the other columns leave, and no less than their share of a wide table.
function nameWidth(view: number, others: number): number {
  if (view < kNarrow) return kNameNarrow;
  return Math.round(Math.max(kNameMin, Math.min(kNameMost, view - others), Math.min(kNameUsual, view * kNameShare)));
}
const isFigure = (column: string) => kindOf(column) === "metrics";

export function RunGrid(props: RunGridProps) {
  const { columns, pins, stretches } = props;
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ width: 1000, height: 600 });
  const [at, setAt] = useState({ place: 0, top: 0 });
  const [left, setLeft] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => setView({ width: element.clientWidth, height: element.clientHeight });
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (place.current) place.current.scrollTop = 0;
  }, [props.of]);

  const isNarrow = view.width < kNarrow;
  const count = lines(stretches);
  const rowsPixels = count * kRowPixels;
  const seen = Math.max(kRowPixels, view.height - kHeadPixels);
  const now = scrolled(at, Math.min(at.place, Math.max(0, boxHeight(rowsPixels) - seen)), rowsPixels, seen); // the table may have become shorter
  const onScroll = (event: UIEvent<HTMLDivElement>) => {
    const { scrollTop, scrollLeft } = event.currentTarget;
    setAt((before) => (before.place === scrollTop ? before : scrolled(before, scrollTop, rowsPixels, seen)));
    setLeft(scrollLeft);
  };

  const first = Math.max(0, Math.floor(now.top / kRowPixels) - kRowsAround);
  const end = Math.min(count, Math.ceil((now.top + seen) / kRowPixels) + kRowsAround);
  const drawn = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index).flatMap((index) => {
    const found = findLine(stretches, index);
    return found ? [{ index, ...found, row: found.row < 0 ? undefined : props.rowAt(found.stretch, found.row), isTitle: found.row < 0 }] : [];
  });
  const { look } = props;
  const [from, to] = [findLine(stretches, first), findLine(stretches, Math.max(first, end - 1))];
  const ids = drawn.flatMap(({ row }) => (row ? [row.id] : [])).join(" ");
  useLayoutEffect(() => {
    if (from && to) look(from, to, ids ? ids.split(" ") : []);
  }, [from?.stretch, from?.row, to?.stretch, to?.row, ids, look]);

  const others = columns.reduce((sum, column) => sum + (column === kName ? 0 : kWidths[kindOf(column)]), 0);
  const widthOf = (column: string) => (column === kName ? nameWidth(view.width, others) : kWidths[kindOf(column)]);
  const pinned = columns.filter((column) => pins.includes(column) || column === kName);
  const free = columns.filter((column) => !pinned.includes(column));
  const widths = free.map((column) => widthOf(column));
  const pinnedPixels = pinned.reduce((sum, column) => sum + widthOf(column), 0);
  const shown = seenColumns(widths, left - kColumnsAround, left + view.width - Math.min(pinnedPixels, view.width) + kColumnsAround);
  const total = pinnedPixels + widths.reduce((sum, width) => sum + width, 0);

  // One line: what is pinned, a gap for columns that aren't drawn, and the others.
  const line = (render: (column: string, number: number, style: { width: number; left?: number | undefined }, isPinned: boolean) => ReactNode) => {
    let pinnedLeft = 0;
    return (
      <>
        {pinned.map((column, index) => {
          const width = widthOf(column);
          pinnedLeft += width;
          return render(column, index, { width, left: isNarrow && index > 0 ? undefined : pinnedLeft - width }, !isNarrow || index === 0);
        })}
        {shown.before > 0 && <div style={{ width: shown.before, flex: "none" }} role="presentation" />}
        {free.slice(shown.first, shown.end).map((column, index) => render(column, pinned.length + shown.first + index, { width: widthOf(column) }, false))}
      </>
    );
  };

  // What takes the keyboard where it was last, or in the first line that is seen; the arrows go on from there.
  const [reached, setReached] = useState({ line: 0, column: 0 });
  const firstSeen = Math.ceil(now.top / kRowPixels);
  const stop = drawn.some(({ index }) => index === reached.line) ? reached.line : firstSeen;
  const met = new Set<string>();
  const keyOfLine = ({ index, stretch, row, isTitle }: (typeof drawn)[number]) => {
    if (isTitle) return `group ${JSON.stringify(props.groups?.[stretch]?.of.value)}`;
    if (!row || met.has(row.id)) return `line ${index}`;
    met.add(row.id);
    return row.id;
  };
  const height = Math.min(boxHeight(rowsPixels) + kHeadPixels + 16, 20_000);
  return (
    <div className="side-edges run-grid-edges" data-right={left + view.width < total - 1 || undefined}>
      <div ref={place} className="run-grid" role="table" aria-label="Runs" aria-rowcount={count + 1} aria-colcount={columns.length} tabIndex={0} onScroll={onScroll} style={{ height, scrollPaddingTop: kHeadPixels }}>
        <div role="rowgroup" className="run-grid-head" style={{ width: total, minWidth: "100%", height: kHeadPixels }}>
          <div role="row" aria-rowindex={1} className="run-grid-row">
            {line((column, index, style, isPinned) => (
              <HeadCell key={column} {...props} column={column} index={index} style={style} isPinned={isPinned} />
            ))}
          </div>
        </div>
        <div
          role="rowgroup"
          style={{ position: "relative", width: total, minWidth: "100%", height: boxHeight(rowsPixels) }}
          onKeyDown={move}
          onFocus={({ target }) => {
            const { row, column } = target.closest<HTMLElement>("[data-row]")?.dataset ?? {};
            if (row) setReached({ line: Number(row), column: Number.parseInt(column ?? "0") });
          }}
        >
          {drawn.map((one) => {
            const { index, stretch, row, isTitle } = one;
            const keys: Keys = (...columns) => ({ "data-row": index, "data-column": columns.join(" "), tabIndex: index === stop && columns.includes(reached.column) ? 0 : -1 });
            const top = now.place + index * kRowPixels - now.top;
            const group = props.groups?.[stretch];
            return (
              <div key={keyOfLine(one)} role="row" aria-rowindex={index + 2} className={isTitle ? "run-grid-row run-grid-line run-grid-group" : "run-grid-row run-grid-line"} style={{ transform: `translateY(${top}px)`, height: kRowPixels }}>
                {line((column, number_, style, isPinned) => (
                  <div key={column} role="cell" aria-colindex={number_ + 1} className={`run-grid-cell${isPinned ? " run-grid-pinned" : ""}${isFigure(column) ? " figures run-grid-figure" : ""}`} style={style}>
                    {isTitle ? group && <GroupCell group={group} column={column} keys={keys} toggle={() => props.open(stretch)} /> : column === kName ? <NameCell row={row} keys={keys} chosen={props.chosen} choose={props.choose} /> : row ? cell(column, row) : <span className="dim">…</span>}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function HeadCell({ column, index, style, isPinned, order, pins, sort, pin }: RunGridProps & { column: string; index: number; style: { width: number; left?: number | undefined }; isPinned: boolean }) {
  const isOrdered = order?.column === column;
  const title = titleOf(column);
  const kind = kindWord(column);
  const words = (
    <>
      {kind && <span className="run-grid-kind">{kind}</span>}
      <span className="run-grid-title">
        {title}
        {isOrdered && <span aria-hidden> {order.isAscending ? "↑" : "↓"}</span>}
      </span>
    </>
  );
  return (
    <div role="columnheader" aria-colindex={index + 1} aria-sort={isOrdered ? (order.isAscending ? "ascending" : "descending") : "none"} className={`run-grid-cell${isPinned ? " run-grid-pinned" : ""}`} style={style}>
      {isSortable(column) ? (
        <button type="button" className="run-grid-sort" title={`Order by ${title}`} onClick={() => sort(column)}>
          {words}
        </button>
      ) : (
        <span className="run-grid-sort">{words}</span>
      )}
      {column !== kName && (
        <ActionIcon variant="subtle" color="gray" size="sm" className="run-grid-pin" aria-label={`Pin ${title}`} aria-pressed={pins.includes(column)} onClick={() => pin(column)}>
          <svg width="13" height="13" viewBox="0 0 24 24" fill={pins.includes(column) ? "currentColor" : "none"} stroke="currentColor" strokeWidth="2" strokeLinejoin="round" aria-hidden>
            <path d="M9 3h6l-1 7 4 4H6l4-4zM12 14v7" />
          </svg>
        </ActionIcon>
      )}
    </div>
  );
}

// Of what takes the keyboard in these columns of a line.
type Keys = (...columns: number[]) => { "data-row": number; "data-column": string; tabIndex: number };

function NameCell({ row, keys, chosen, choose }: { row: Row | undefined; keys: Keys; chosen: string[]; choose: RunGridProps["choose"] }) {
  if (!row) return <span className="dim">…</span>;
  const name = String(row.values.get(kName) ?? "") || row.id;
  return (
    <>
      <Checkbox size="xs" {...keys(0)} aria-label={`Choose ${name}`} checked={chosen.includes(row.id)} onChange={(event) => choose(row.id, name, event.currentTarget.checked)} />
      {row.values.has(kName) ? (
        <Anchor component={Link} {...keys(1)} to={`/runs/${row.id}`} className="run-grid-text" title={name}>
          {name}
        </Anchor>
      ) : (
        <span className="dim">…</span>
      )}
    </>
  );
}

function GroupCell({ group, column, keys, toggle }: { group: GridGroup; column: string; keys: Keys; toggle: () => void }) {
  if (column === kName) {
    return (
      <button type="button" {...keys(0, 1)} className="run-grid-toggle" aria-expanded={group.isOpen} onClick={toggle}>
        <span aria-hidden>{group.isOpen ? "▾" : "▸"}</span>
        <b>{group.title}</b>
        <span className="dim">{plural(group.of.runs, "run")}</span>
      </button>
    );
  }
  const spread = kindOf(column) === "metrics" ? group.of.metrics[column.slice("metrics.".length)] : undefined;
  if (!spread) return null;
  return (
    <Text size="sm" span title={`mean of ${plural(spread.runs, "run")}; from ${number(spread.min)} to ${number(spread.max)}`}>
      ⌀ {number(spread.mean)}
    </Text>
  );
}
