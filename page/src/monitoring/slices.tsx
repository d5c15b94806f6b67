import { Box, Text, Title } from "@mantine/core";
import { api, type Attributions, type Slice, type WindowKind, type WindowSlices } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { WhenSeen } from "../components/when_seen";
import { type Column, PlainTable } from "../components/plain_table";
import { featureName, begin, number, percent } from "../lib/format";

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

type Declared = WindowSlices["declared_slices"][number];
type Attributed = Attributions["inputs"][number];

const figure = <T,>(title: string, of: (row: T) => number | null | undefined): Column<T> => ({ title, isRight: true, cell: (row) => number(of(row)), value: [title, of] });

interface OfWindow {
  monitor: string;
  kind: WindowKind;
  start: string;
}

// Where the model does worst in a judged window, how it does in declared slices, and what it goes by.
export const SlicesOf = (of: OfWindow) => (
  <section aria-label="Slices">
    <Title order={2} size="h4" mb="xs">
      Where it does worst
    </Title>
    <WhenSeen>
      <Asked {...of} />
    </WhenSeen>
  </section>
);

function Asked({ monitor, kind, start }: OfWindow) {
  const slices = useLive((signal) => api.slices(monitor, kind, start, signal), `${monitor} ${kind} ${start}`, 60, [`monitors/${monitor}`]);
  return <Loaded from={slices}>{(of) => <Slices of={of} call={api.slicesPath(monitor, kind, start)} />}</Loaded>;
}

function Slices({ of, call }: { of: WindowSlices; call: string }) {
  const { slices: report, declared_slices: declared, attributions } = of;
  const loss = kLossNames[report.loss] ?? report.loss;
  const metrics = kMetrics.filter(([, metric]) => declared.some((slice) => typeof slice.metrics[metric] === "number"));
  return (
    <>
      <Text size="sm" mb="xs">
        {!report.loss
          ? "No answer has a label, so nobody knows."
          : report.found.length === 0
            ? `Nothing stands out in the ${of.window} from ${begin(of)}: ${number(report.examined)} conditions looked at.`
            : `In the ${of.window} from ${begin(of)}, by ${loss} (${number(report.mean)} over all ${number(report.rows)} rows).`}
      </Text>
      {report.found.length > 0 && (
        <Box mb="md">
          <PlainTable
            name="Slices where it does worst"
            rows={report.found}
            keyOf={({ slice }) => slice}
            columns={[
              { title: "Slice", cell: ({ slice }) => slice, value: ["slice", ({ slice }) => slice] },
              figure<Slice>("Rows", ({ rows }) => rows),
              { title: "Share", isRight: true, cell: ({ share }) => percent(share), value: ["share", ({ share }) => share] },
              { title: "There", isRight: true, cell: ({ inside }) => <b>{number(inside)}</b>, value: ["there", ({ inside }) => inside] },
              figure<Slice>("Elsewhere", ({ outside }) => outside),
              { title: "Difference (95 %)", isRight: true, cell: ({ low, high }) => `${number(low)} to ${number(high)}`, value: ["difference, at least", ({ low }) => low], also: [["difference, at most", ({ high }) => high]] },
              figure<Slice>("The model expects", ({ expected }) => expected),
              figure<Slice>("Before", ({ before }) => before?.inside),
            ]}
            file={{ of: "Slices where it does worst", call }}
          />
        </Box>
      )}
      {declared.length > 0 && (
        <Box mb="md">
          <PlainTable
            name="Declared slices"
            minWidth={480}
            rows={declared}
            keyOf={({ name }) => name}
            columns={[
              { title: "Declared slice", cell: ({ name }) => name, value: ["slice", ({ name }) => name] },
              figure<Declared>("Rows", ({ rows }) => rows),
              figure<Declared>("Labels", ({ labels }) => labels),
              ...metrics.map(([title, metric]) => figure<Declared>(title, (slice) => slice.metrics[metric])),
            ]}
            file={{ of: "Declared slices", call }}
          />
        </Box>
      )}
      {attributions && (
        <>
          <Text size="sm" mb="xs">
            What it goes by: mean |SHAP| of {number(attributions.rows)} rows; against the reference the order has an NDCG of{" "}
            <strong>{number(attributions.ndcg)}</strong> (below 0.9 it is another one).
          </Text>
          <PlainTable
            name="What the model goes by"
            minWidth={480}
            rows={attributions.inputs}
            keyOf={({ input }) => input}
            columns={[
              { title: "Input", cell: ({ input }) => featureName(input), value: ["input", ({ input }) => input] },
              figure<Attributed>("Now", ({ now }) => now),
              figure<Attributed>("Reference", ({ reference }) => reference),
              figure<Attributed>("Rank", ({ rank }) => rank),
              figure<Attributed>("Was", ({ reference_rank }) => reference_rank),
            ]}
            file={{ of: "What the model goes by", call }}
          />
        </>
      )}
    </>
  );
}
