import { Text, Title } from "@mantine/core";
import { api, type EndpointInputs } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Time } from "../components/words";
import { number, plural } from "../lib/format";
import { ruleWords } from "../lib/input_rules";

const kSeconds = 10; // between two looks
const kWords = { reject: "refused", quarantine: "put aside", flag: "flagged" };

// What of an input was asked against its rules since the server started.
export function Inputs({ endpoint }: { endpoint: string }) {
  const found = useLive((signal) => api.endpointInputs(endpoint, signal), `inputs ${endpoint}`, kSeconds);
  return (
    <section aria-label="Inputs">
      <Title order={2} size="h4" mb="xs">
        Checks of inputs
      </Title>
      <Loaded from={found}>{(inputs) => <Broken of={inputs} endpoint={endpoint} />}</Loaded>
    </section>
  );
}

function Broken({ of, endpoint }: { of: EndpointInputs; endpoint: string }) {
  const rules = Object.keys(of.columns).length;
  if (rules === 0) {
    return (
      <>
        <Text size="sm" c="dimmed">
          Only types are checked: the endpoint declares no rules for its inputs. This makes rules that fit its training rows:
        </Text>
        <Command>{`slipway endpoints inputs infer ${endpoint}`}</Command>
      </>
    );
  }
  const { rejected, quarantined, flagged } = of.rows;
  return (
    <>
      <Text size="sm" mb="xs">
        {plural(rules, "input")} with rules. Since the server started {plural(rejected, "row")} refused, {number(quarantined)} put aside, {number(flagged)} flagged.
      </Text>
      <PlainTable
        name="Values that broke a rule"
        rows={of.violations}
        keyOf={({ column, rule, on_violation }) => `${column} ${rule} ${on_violation}`}
        none="No value broke a rule."
        columns={[
          { title: "Input", cell: ({ column }) => column, value: ["input", ({ column }) => column] },
          { title: "Rule", kind: "break", cell: (row) => ruleWords(of.columns[row.column], row.rule), value: ["rule", ({ rule }) => rule] },
          { title: "Then", cell: ({ on_violation }) => kWords[on_violation], value: ["on_violation", ({ on_violation }) => on_violation] },
          { title: "Values", isRight: true, cell: ({ values }) => number(values), value: ["values", ({ values }) => values] },
          {
            title: "Last",
            kind: "break",
            cell: ({ last }) => [...new Set(last.map(({ value }) => value || "missing"))].join(", "),
            value: ["last", ({ last }) => last[0]?.value],
          },
          { title: "Request", kind: "break", cell: ({ last }) => last[0]?.request_id, value: ["request", ({ last }) => last[0]?.request_id] },
          { title: "At", cell: ({ last }) => <Time at={last[0]?.time ?? null} />, value: ["at", ({ last }) => last[0]?.time] },
        ]}
        file={{ of: "Values that broke a rule", call: api.endpointInputsPath(endpoint) }}
      />
    </>
  );
}
