import { Group, Text } from "@mantine/core";
import type { Variant } from "../api";
import { Time } from "../components/words";
import { percent } from "../lib/format";
import "./traffic.css";

const kSlots = 10_000;

// Who answers how much of the traffic, and who only scores beside.
export function TrafficSplit({ variants }: { variants: Variant[] }) {
  const live = variants.filter((variant) => variant.role === "live");
  const shadows = variants.filter((variant) => variant.role === "shadow");
  const words = live.map((variant) => `version ${variant.version} answers ${percent(variant.weight / kSlots)}`);
  return (
    <div>
      <div className="split" role="img" aria-label={words.join(", ")}>
        {live.map((variant) => (
          <div key={variant.name} className={`part part-${variant.name}`} style={{ flexGrow: variant.weight }}>
            <span>
              v{variant.version} · {percent(variant.weight / kSlots)}
            </span>
          </div>
        ))}
      </div>
      <Group gap="lg" mt={6}>
        {live.map((variant) => (
          <Text key={variant.name} size="xs" c="dimmed">
            <i className={`dot part-${variant.name}`} /> {variant.name}: {variant.uri}
          </Text>
        ))}
        {shadows.map((variant) => (
          <Text key={variant.name} size="xs" c="dimmed">
            <i className="dot part-shadow" /> shadow {variant.name}: {variant.uri}, scores all and answers none
          </Text>
        ))}
      </Group>
    </div>
  );
}

// The canary's way from a few requests to all of them.
export function Steps({ steps, at, next, waitsFor }: { steps: number[]; at: number; next: string; waitsFor: string | undefined }) {
  return (
    <Group gap="xs" aria-label="Canary steps" role="group">
      {steps.map((step, index) => (
        <span key={step} className={index < at ? "step past" : index === at ? "step now" : "step"} aria-current={index === at ? "step" : undefined}>
          {step} %
        </span>
      ))}
      <Text size="sm" c="dimmed">
        next check at <Time at={next} />
        {waitsFor && `; ${waitsFor}`}
      </Text>
    </Group>
  );
}
