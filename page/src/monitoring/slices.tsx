import { Table, Text, Title } from "@mantine/core";
import type { WindowSlices } from "../api";
import { day, number, percent } from "../lib/format";

const kLossNames: Record<string, string> = { log_loss: "log loss", absolute_error: "absolute error", wrong_share: "share of wrong answers" };

// Of declared slices, those that the monitor's problem has.
const kMetrics: [title: string, metric: string][] = [
  ["AUC", "auc"],
  ["Accuracy", "accuracy"],
  ["Log loss", "log_loss"],
  ["Calibration bias", "calibration_bias"],
  ["Mean absolute error", "mae"],
  ["Root mean squared error", "rmse"],
  ["F1", "f1_macro"],
  ["NDCG@10", "ndcg@10"],
];

// Where the model does worst in a judged window, how it does in declared slices, and what it goes by.
export function Slices({ of }: { of: WindowSlices }) {
  const { slices: report, declared_slices: declared, attributions } = of;
  const loss = kLossNames[report.loss] ?? report.loss;
  const metrics = kMetrics.filter(([, metric]) => declared.some((slice) => typeof slice.metrics[metric] === "number"));
  return (
    <section aria-label="Slices">
      <Title order={2} size="h4" mb="xs">
        Where it does worst
      </Title>
      <Text size="sm" mb="xs">
        {!report.loss
          ? "No answer has a label, so nobody knows."
          : report.found.length === 0
            ? `Nothing stands out in the ${of.window} from ${day(of.start)}: ${number(report.examined)} conditions looked at.`
            : `In the ${of.window} from ${day(of.start)}, by ${loss} (${number(report.mean)} over all ${number(report.rows)} rows).`}
      </Text>
      {report.found.length > 0 && (
        <Table.ScrollContainer minWidth={640} mb="md">
          <Table aria-label="Slices where it does worst">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Slice</Table.Th>
                <Table.Th ta="right">Rows</Table.Th>
                <Table.Th ta="right">Share</Table.Th>
                <Table.Th ta="right">There</Table.Th>
                <Table.Th ta="right">Elsewhere</Table.Th>
                <Table.Th ta="right">Difference (95 %)</Table.Th>
                <Table.Th ta="right">The model expects</Table.Th>
                <Table.Th ta="right">Before</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {report.found.map((slice) => (
                <Table.Tr key={slice.slice}>
                  <Table.Td>{slice.slice}</Table.Td>
                  <Table.Td ta="right">{number(slice.rows)}</Table.Td>
                  <Table.Td ta="right">{percent(slice.share)}</Table.Td>
                  <Table.Td ta="right">
                    <b>{number(slice.inside)}</b>
                  </Table.Td>
                  <Table.Td ta="right">{number(slice.outside)}</Table.Td>
                  <Table.Td ta="right">
                    {number(slice.low)} to {number(slice.high)}
                  </Table.Td>
                  <Table.Td ta="right">{number(slice.expected)}</Table.Td>
                  <Table.Td ta="right">{number(slice.before?.inside)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {declared.length > 0 && (
        <Table.ScrollContainer minWidth={480} mb="md">
          <Table aria-label="Declared slices">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Declared slice</Table.Th>
                <Table.Th ta="right">Rows</Table.Th>
                <Table.Th ta="right">Labels</Table.Th>
                {metrics.map(([title]) => (
                  <Table.Th key={title} ta="right">
                    {title}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {declared.map((slice) => (
                <Table.Tr key={slice.name}>
                  <Table.Td>{slice.name}</Table.Td>
                  <Table.Td ta="right">{number(slice.rows)}</Table.Td>
                  <Table.Td ta="right">{number(slice.labels)}</Table.Td>
                  {metrics.map(([title, metric]) => (
                    <Table.Td key={title} ta="right">
                      {number(slice.metrics[metric])}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {attributions && (
        <>
          <Text size="sm" mb="xs">
            What it goes by: mean |SHAP| of {number(attributions.rows)} rows; against the reference the order has an NDCG of{" "}
            <strong>{number(attributions.ndcg)}</strong> (below 0.9 it is another one).
          </Text>
          <Table.ScrollContainer minWidth={480}>
            <Table aria-label="What the model goes by">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Input</Table.Th>
                  <Table.Th ta="right">Now</Table.Th>
                  <Table.Th ta="right">Reference</Table.Th>
                  <Table.Th ta="right">Rank</Table.Th>
                  <Table.Th ta="right">Was</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {attributions.inputs.map((input) => (
                  <Table.Tr key={input.input}>
                    <Table.Td>{input.input}</Table.Td>
                    <Table.Td ta="right">{number(input.now)}</Table.Td>
                    <Table.Td ta="right">{number(input.reference)}</Table.Td>
                    <Table.Td ta="right">{input.rank}</Table.Td>
                    <Table.Td ta="right">{input.reference_rank}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </>
      )}
    </section>
  );
}
