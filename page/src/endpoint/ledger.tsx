import { Badge, Group, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { useSearchParams } from "react-router";
import type { Gate, Revision } from "../api";
import { Time, Word } from "../components/words";
import { percent, readable } from "../lib/format";
import { PlainTable } from "../components/plain_table";

interface LedgerProps {
  revisions: Revision[];
  gates: Gate[];
  current: number | undefined;
  lastGood: number | null;
  call: string; // that gave them
}

function serves(revision: Revision): string {
  return revision.variants
    .filter((variant) => variant.role === "live")
    .map((variant) => (variant.weight === 10_000 ? `v${variant.version}` : `v${variant.version} ${percent(variant.weight / 10_000)}`))
    .join(" + ");
}

// The verdict that let the newest of these versions become a version.
function verdictOn(revision: Revision, gates: Gate[]): Gate | undefined {
  const newest = Math.max(...revision.variants.filter((each) => each.role === "live").map((each) => each.version));
  return gates.find((gate) => gate.promoted_version === newest);
}

// What answered, since when, by whom and why; newest first. The address may name one.
export function Ledger({ revisions, gates, current, lastGood, call }: LedgerProps) {
  const [query] = useSearchParams();
  const asked = Number(query.get("revision"));
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    place.current?.scrollIntoView({ block: "center" });
  }, [asked]);
  return (
    <PlainTable
      name="Ledger"
      minWidth={900}
      rows={revisions.map((revision) => ({ revision, gate: verdictOn(revision, gates) }))}
      keyOf={({ revision }) => revision.number}
      isCurrent={({ revision }) => revision.number === (asked || current)}
      file={{ of: "ledger", call }}
      columns={[
        {
          title: "Revision",
          cell: ({ revision }) => (
            <Group gap={6} wrap="nowrap">
              <b ref={revision.number === asked ? place : undefined}>{revision.number}</b>
              {revision.number === current && <Badge size="xs" tt="none">now</Badge>}
              {revision.number === lastGood && (
                <Badge size="xs" color="teal" variant="light" className="word">
                  last good
                </Badge>
              )}
            </Group>
          ),
          value: ["revision", ({ revision }) => revision.number],
        },
        {
          title: "Change",
          cell: ({ revision }) => (
            <>
              <Word of={revision.kind} />
              {revision.restores !== null && (
                <Text size="xs" c="dimmed">
                  restores {revision.restores}
                </Text>
              )}
            </>
          ),
          value: ["change", ({ revision }) => revision.kind],
        },
        { title: "Serves", cell: ({ revision }) => serves(revision), kind: "nowrap", value: ["serves", ({ revision }) => serves(revision)] },
        { title: "Event time", cell: ({ revision }) => <Time at={revision.time} />, value: ["event_time", ({ revision }) => revision.time] },
        { title: "Who", cell: ({ revision }) => revision.actor, value: ["who", ({ revision }) => revision.actor] },
        { title: "Why", cell: ({ revision }) => readable(revision.reason) || "–", maxWidth: 340, value: ["why", ({ revision }) => revision.reason] },
        {
          title: "Verdict",
          cell: ({ gate }) => (gate ? <Word of={gate.verdict} /> : "–"),
          hint: ({ gate }) => gate?.sentence,
          value: ["verdict", ({ gate }) => gate?.verdict],
        },
      ]}
    />
  );
}
