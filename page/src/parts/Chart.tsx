// Lines over an axis, with marks: vertical lines for what happened, each with a word.
import { Box, Text, useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import uPlot from "uplot";

export interface Line {
  label: string;
  values: (number | null)[];
  color: string;
  dashed?: boolean;
}
export interface Mark {
  at: number;
  words: string;
  color: string;
}

interface Props {
  title: string;
  x: number[]; // seconds since 1970 with `time`, else steps
  lines: Line[];
  marks?: Mark[];
  time?: boolean;
  bands?: [number, number]; // dashed horizontal lines: what an alert watches
  height?: number;
}

const NO_MARKS: Mark[] = [];

export function Chart({ title, x, lines, marks = NO_MARKS, time = false, bands, height = 190 }: Props) {
  const { ref, width } = useElementSize();
  const holder = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme("light") === "dark";
  const key = JSON.stringify([x, lines, marks, bands]);
  useEffect(() => {
    if (!holder.current || width === 0 || x.length === 0) return;
    const ink = dark ? "#c1c2c5" : "#495057";
    const grid = { stroke: dark ? "#373a40" : "#e9ecef", width: 1 };
    const draw = (plot: uPlot) => {
      const { ctx } = plot;
      const { left, top, width: across, height: down } = plot.bbox;
      ctx.save();
      ctx.lineWidth = devicePixelRatio;
      for (const value of bands ?? []) {
        const y = plot.valToPos(value, "y", true);
        if (y < top || y > top + down) continue;
        ctx.strokeStyle = "#fa5252";
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(left, y);
        ctx.lineTo(left + across, y);
        ctx.stroke();
      }
      ctx.setLineDash([]);
      ctx.font = `${11 * devicePixelRatio}px sans-serif`;
      for (const mark of marks) {
        const at = plot.valToPos(mark.at, "x", true);
        if (at < left || at > left + across) continue;
        ctx.strokeStyle = ctx.fillStyle = mark.color;
        ctx.beginPath();
        ctx.moveTo(at, top);
        ctx.lineTo(at, top + down);
        ctx.stroke();
        ctx.fillText(mark.words, at + 3 * devicePixelRatio, top + 11 * devicePixelRatio);
      }
      ctx.restore();
    };
    const plot = new uPlot(
      {
        width,
        height,
        scales: { x: { time } },
        axes: [
          { stroke: ink, grid },
          { stroke: ink, grid, size: 56 },
        ],
        series: [
          { label: time ? "from" : "step" },
          ...lines.map((line) => ({
            label: line.label,
            stroke: line.color,
            width: 2,
            dash: line.dashed ? [6, 4] : undefined,
            points: { show: x.length < 60, size: 4 },
            value: (_: uPlot, value: number | null) => (value === null || value === undefined ? "–" : value.toPrecision(4)),
          })),
        ],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
        cursor: { drag: { x: true, y: false } },
        hooks: { draw: [draw] },
      },
      [x, ...lines.map((line) => line.values)] as uPlot.AlignedData,
      holder.current,
    );
    return () => plot.destroy();
    // `key` stands for the data: equal data draws nothing anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, width, dark, time, height]);
  return (
    <Box ref={ref} role="img" aria-label={`${title}: ${lines.map((l) => l.label).join(", ")}`}>
      <Text size="sm" fw={600}>
        {title}
      </Text>
      {x.length === 0 ? (
        <Text size="sm" c="dimmed" py="lg">
          Nothing here yet.
        </Text>
      ) : (
        <div ref={holder} />
      )}
    </Box>
  );
}

// A tiny line without axes.
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(1, ...values);
  const step = values.length > 1 ? 100 / (values.length - 1) : 100;
  const points = values.map((v, i) => `${i * step},${23 - (22 * v) / most}`).join(" ");
  return (
    <svg viewBox="0 0 100 24" width={100} height={24} role="img" aria-label={label} preserveAspectRatio="none">
      <polyline points={points} fill="none" stroke="var(--mantine-color-blue-5)" strokeWidth={1.5} />
    </svg>
  );
}
