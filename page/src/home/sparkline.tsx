import { Group, Text } from "@mantine/core";
import { number } from "../lib/format";

const kWidth = 110;
const kHeight = 26;

// Bars, one a day, oldest first, and the last day's number.
export function Sparkline({ values }: { values: number[] }) {
  const last = values.at(-1);
  if (last === undefined) return <>–</>;
  const most = Math.max(...values, 1);
  const step = kWidth / values.length;
  return (
    <Group gap={8} wrap="nowrap">
      <svg width={kWidth} height={kHeight} role="img" aria-label={`requests per day: ${values.join(", ")}`}>
        {values.map((value, index) => {
          const height = Math.max(1, (value / most) * kHeight);
          return (
            <rect key={index} className="bar" x={index * step} y={kHeight - height} width={Math.max(1, step - 2)} height={height}>
              <title>{number(value)}</title>
            </rect>
          );
        })}
      </svg>
      <Text size="sm" className="figures">
        {number(last)}
      </Text>
    </Group>
  );
}
