// Small things that several screens say: states in colour and word, times, titles.
import { Anchor, Badge, Breadcrumbs, Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useEffect } from "react";
import { Link } from "react-router";
import { time } from "../lib/format";
import { Copied } from "./copied";

const kColors: Record<string, string> = {
  healthy: "teal",
  succeeded: "teal",
  finished: "teal",
  done: "teal",
  pass: "teal",
  steady: "teal",
  resolved: "gray",
  mitigated: "yellow",
  silenced: "gray",
  change: "blue",
  signal: "red",
  action: "grape",
  people: "teal",
  critical: "red",
  warning: "orange",
  fallback: "orange",
  cached: "cyan",
  best: "teal",
  "stopped-early": "yellow",
  running: "blue",
  started: "blue",
  starting: "blue",
  canary: "blue",
  proposed: "blue",
  promote: "teal",
  deploy: "teal",
  "canary-step": "blue",
  rollback: "orange",
  hold: "yellow",
  held: "yellow",
  watch: "yellow",
  added: "teal",
  removed: "orange",
  changed: "blue",
  refused: "orange",
  refuse: "orange",
  failed: "red",
  killed: "red",
  alert: "red",
  open: "red",
  agrees: "teal",
  drift: "orange",
  "no drift": "teal",
  differs: "red",
};

// A state as one word; the colour only repeats it.
export function Word({ of }: { of: string }) {
  const word = of.toLowerCase();
  return (
    <Badge color={kColors[word] ?? "gray"} variant="light" className="word">
      {word.replace("-", " ")}
    </Badge>
  );
}

export function Time({ at }: { at: string | number | null }) {
  if (at === null) return <>–</>;
  const exact = typeof at === "number" ? new Date(at).toISOString() : at;
  return (
    <time dateTime={exact} title={exact} className="nowrap">
      {time(at)}
    </time>
  );
}

// The head of a screen: where it is, what it is called, what can be done.
export function Head({
  title,
  trail = [],
  words,
  children,
}: {
  title: string;
  trail?: [string, string][];
  words?: ReactNode;
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Slipway`;
  }, [title]);
  return (
    <div className="head">
      {trail.length > 0 && (
        <Breadcrumbs separator="/" mb={4} className="trail">
          {trail.map(([text, to]) => (
            <Anchor key={to} component={Link} to={to} size="sm">
              {text}
            </Anchor>
          ))}
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="center">
        <Group gap="sm">
          <Title order={1} size="h3">
            {title}
          </Title>
          {words}
        </Group>
        <Group gap="xs">{children}</Group>
      </Group>
    </div>
  );
}

// Of one thing, in as many rows as there is room for.
export function Facts({ children }: { children: ReactNode }) {
  return (
    <Group gap="8px 32px" align="flex-start">
      {children}
    </Group>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text size="sm" component="div">
        {children}
      </Text>
    </div>
  );
}

export function Command({ children }: { children: string }) {
  return (
    <Copied text={children} isBlock />
  );
}
