// How curves are looked at; the address says it: `smooth`, `y`, `x`.
import { Checkbox, Group, NativeSelect, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useLocation, useNavigationType, useSearchParams } from "react-router";
import { useSettled } from "../components/settled";
import { kSmoothMax, readCurveLook, writeCurveLook, type Across, type CurveLook } from "../lib/curve_look";
import "./compare.css";

const kPauseMs = 100; // that the slider stands still, before curves are drawn anew

export const kZone = "UTC"; // as all times of the page

const kAcross = [
  { value: "step", label: "Steps" },
  { value: "time", label: "Time" },
  { value: "relative", label: "Time since the start" },
];

export function useCurveLook(): CurveLook {
  return readCurveLook(useSearchParams()[0]);
}

export function CurveControls() {
  const [query, setQuery] = useSearchParams();
  const look = readCurveLook(query);
  const change = (part: Partial<CurveLook>) => setQuery((before) => writeCurveLook(before, { ...readCurveLook(before), ...part }), { replace: true });
  return (
    <Group gap="md" role="group" aria-label="How curves are drawn">
      <Smoothing weight={look.smooth} set={(smooth) => change({ smooth })} />
      <NativeSelect size="xs" aria-label="Curves over" data={kAcross} value={look.x} onChange={(event) => change({ x: event.currentTarget.value as Across })} />
      <Checkbox size="xs" label="logarithmic" checked={look.isLog} onChange={(event) => change({ isLog: event.currentTarget.checked })} />
    </Group>
  );
}

function Smoothing({ weight, set }: { weight: number; set: (weight: number) => void }) {
  const [moved, setMoved] = useState(weight);
  const { key } = useLocation();
  const how = useNavigationType();
  useEffect(() => {
    if (how !== "REPLACE") setMoved(weight);
  }, [key]);
  const settled = Number(useSettled(String(moved), kPauseMs));
  useEffect(() => {
    if (settled !== weight) set(settled);
  }, [settled]);
  return (
    <label className="smoothing">
      <Text size="xs" span>
        Smoothing
      </Text>
      <input type="range" min={0} max={kSmoothMax} step={0.01} value={moved} onChange={(event) => setMoved(Number(event.currentTarget.value))} />
      <Text size="xs" span className="figures">
        {moved.toFixed(2)}
      </Text>
    </label>
  );
}
