import { Badge, Tooltip } from "@mantine/core";

const COLORS: Record<string, string> = { healthy: "teal", watch: "yellow", alert: "red", unknown: "gray" };

export function Health({ word, reason }: { word: string; reason: string }) {
  return (
    <Tooltip label={reason} disabled={!reason} multiline maw={420} events={{ hover: true, focus: true, touch: true }}>
      <Badge color={COLORS[word] ?? "gray"} variant="light" tabIndex={0}>
        {word}
      </Badge>
    </Tooltip>
  );
}

const STATES: Record<string, string> = { succeeded: "teal", done: "teal", cached: "cyan", FINISHED: "teal", failed: "red", FAILED: "red", refused: "orange", running: "blue", RUNNING: "blue", open: "red" };

export function State({ word }: { word: string }) {
  return (
    <Badge color={STATES[word] ?? "gray"} variant="light">
      {word.toLowerCase()}
    </Badge>
  );
}
