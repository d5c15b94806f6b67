import { TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { useLocation, useNavigationType } from "react-router";
import { useSettled } from "./settled";

const kPauseMs = 300;

// What is typed goes into the address when it has stayed for a moment. What came into the address another way is what was typed.
export function NameBox({ label, text, set }: { label: string; text: string; set: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  const { key } = useLocation();
  const how = useNavigationType();
  useEffect(() => {
    if (how !== "REPLACE") setTyped(text);
  }, [key]);
  const settled = useSettled(typed, kPauseMs);
  useEffect(() => {
    if (settled !== text) set(settled);
  }, [settled]);
  return <TextInput aria-label={label} placeholder={label} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} maw={360} />;
}
