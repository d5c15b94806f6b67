import { Alert, Button, Checkbox, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, type InferenceInput, type InferenceReply } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { Command } from "../components/words";
import { duration } from "../lib/format";
import { curlOf, pythonOf, requestOf, sizeOf } from "../lib/inference";
import { told } from "../lib/problem";

const kInputsMax = 60; // a form of more is for nobody

interface TryProps {
  endpoint: string;
  service: string; // that looks its features up; empty: none does
}

// Asks the model, by a form made from its signature, or from what its features are looked up by.
export function TryIt({ endpoint, service }: TryProps) {
  const [isOpen, setOpen] = useState(false);
  const [isSent, setSent] = useState(false);
  return (
    <section aria-label="Try it">
      <Group gap="sm" mb="xs">
        <Title order={2} size="h4">
          Try it
        </Title>
        <Button size="compact-sm" variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Close" : "Ask the model"}
        </Button>
      </Group>
      {isOpen && service && <Checkbox size="xs" mb="xs" label="Send the features instead of looking them up" checked={isSent} onChange={(event) => setSent(event.currentTarget.checked)} />}
      {isOpen && <Signature key={String(isSent)} endpoint={endpoint} service={isSent ? "" : service} />}
    </section>
  );
}

const kTypes: Record<string, string> = { double: "FP64", int64: "INT64", bool: "BOOL" }; // of others the text is sent

async function inputsOf({ endpoint, service }: TryProps, signal: AbortSignal): Promise<InferenceInput[]> {
  if (!service) return (await api.signature(endpoint, signal)).inputs;
  const request = (await api.features(signal)).services.find(({ name }) => name === service)?.request ?? [];
  return request.map(({ name, type }) => ({ name, datatype: kTypes[type] ?? "BYTES", shape: [-1] }));
}

function Signature(of: TryProps) {
  const { endpoint, service } = of;
  const signature = useLive((signal) => inputsOf(of, signal), `signature ${endpoint} ${service}`, Infinity);
  return (
    <Loaded from={signature}>
      {(inputs) =>
        inputs.length === 0 || inputs.length > kInputsMax ? (
          <Text size="sm">{inputs.length === 0 ? "Its model says nothing of its inputs." : `It has ${inputs.length} inputs: too many for a form.`}</Text>
        ) : (
          <Form endpoint={endpoint} inputs={inputs} />
        )
      }
    </Loaded>
  );
}

const hint = (input: InferenceInput) => (sizeOf(input) === 1 ? input.datatype : `${sizeOf(input)} × ${input.datatype}, separated by commas`);

function Form({ endpoint, inputs }: { endpoint: string; inputs: InferenceInput[] }) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [reply, setReply] = useState<{ reply: InferenceReply; seconds: number }>();
  const [problem, setProblem] = useState("");
  const [running, setRunning] = useState(false);
  const url = location.origin + api.inferPath(endpoint);
  const set = (name: string, text: string) => setTexts((before) => ({ ...before, [name]: text }));

  let request;
  try {
    request = requestOf(inputs, texts);
  } catch {
    request = undefined;
  }

  const ask = async (event: FormEvent) => {
    event.preventDefault();
    if (running) return;
    setRunning(true);
    setProblem("");
    const before = performance.now();
    try {
      const answer = await api.infer(endpoint, requestOf(inputs, texts));
      setReply({ reply: answer, seconds: (performance.now() - before) / 1000 });
    } catch (error) {
      setReply(undefined);
      setProblem(told(error));
    }
    setRunning(false);
  };

  return (
    <form onSubmit={(event) => void ask(event)}>
      <Stack gap="sm">
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3, lg: 4 }} spacing="sm">
          {inputs.map((input) =>
            input.datatype === "BOOL" && sizeOf(input) === 1 ? (
              <NativeSelect key={input.name} label={input.name} description={hint(input)} data={["", "true", "false"]} value={texts[input.name] ?? ""} onChange={(event) => set(input.name, event.currentTarget.value)} />
            ) : (
              <TextInput key={input.name} label={input.name} description={hint(input)} value={texts[input.name] ?? ""} onChange={(event) => set(input.name, event.currentTarget.value)} />
            ),
          )}
        </SimpleGrid>
        <Group gap="sm">
          <Button type="submit" loading={running}>
            Ask
          </Button>
          <Text size="sm" c="dimmed">
            It is a request like any other: answered by who is in charge, logged, and counted by the monitors.
          </Text>
        </Group>
        {problem && (
          <Alert color="red" variant="light" role="alert">
            {problem}
          </Alert>
        )}
        {reply && (
          <div role="status">
            {reply.reply.outputs.map(({ name, data }) => (
              <Text key={name} fw={600}>
                {name}: {data.map(String).join(", ")}
              </Text>
            ))}
            <Text size="sm" c="dimmed">
              version {reply.reply.model_version ?? "?"}, {duration(reply.seconds)} to here and back
              {reply.reply.id && `, request ${reply.reply.id}`}
            </Text>
          </div>
        )}
        {request && (
          <SimpleGrid cols={{ base: 1, md: 2 }} spacing="sm">
            <Command>{curlOf(url, request)}</Command>
            <Command>{pythonOf(url, request)}</Command>
          </SimpleGrid>
        )}
      </Stack>
    </form>
  );
}
