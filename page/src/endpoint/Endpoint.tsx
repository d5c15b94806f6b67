import { Anchor, Badge, Button, Card, Code, Group, Modal, Progress, Stack, Table, Text, Textarea, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { Link, useParams } from "react-router-dom";

import { type ApiError, type EndpointStatus, type Revision, type Variant, post, useLive } from "../api";
import { time } from "../parts/format";
import { Empty, Loaded } from "../parts/State";

const COLORS = ["blue", "orange", "grape"];

function Split({ variants }: { variants: Variant[] }) {
  const live = variants.filter((v) => v.role === "live");
  const shadows = variants.filter((v) => v.role === "shadow");
  return (
    <Stack gap="xs">
      <Progress.Root size={28} aria-label="Traffic split">
        {live.map((v, i) => (
          <Progress.Section key={v.name} value={v.weight / 100} color={COLORS[i % COLORS.length]}>
            <Progress.Label>
              {v.name}: version {v.version}, {v.weight / 100} %
            </Progress.Label>
          </Progress.Section>
        ))}
      </Progress.Root>
      {shadows.map((v) => (
        <Text key={v.name} size="sm" c="dimmed">
          In shadow: {v.name}, {v.model} version {v.version}: scored beside, never answered.
        </Text>
      ))}
    </Stack>
  );
}

interface Receipt {
  revision: number;
  seconds: number;
}

function RollBack({ endpoint, status, done }: { endpoint: string; status: EndpointStatus; done: () => void }) {
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [receipt, setReceipt] = useState<Receipt>();
  const [error, setError] = useState("");
  const send = async () => {
    setBusy(true);
    setError("");
    try {
      setReceipt(await post<Receipt>(`/slipway/v1/endpoints/${encodeURIComponent(endpoint)}/rollback`, { reason, actor: "page" }));
      close();
      done();
    } catch (failure) {
      setError((failure as ApiError).message);
    }
    setBusy(false);
  };
  return (
    <>
      {receipt && (
        <Text size="sm" role="status">
          Rolled back as revision {receipt.revision} in {(receipt.seconds * 1e3).toFixed(1)} ms.
        </Text>
      )}
      <Button color="red" variant="light" onClick={open} disabled={status.last_good === null}>
        Roll back
      </Button>
      <Modal opened={opened} onClose={close} title={`Roll ${endpoint} back`} centered>
        <Stack>
          <Text size="sm">
            Goes back to what revision {status.last_good} answered with, at once, and holds the endpoint there: it stops following {status.definition.model}.
          </Text>
          <Textarea label="Why" placeholder="For the ledger" value={reason} onChange={(e) => setReason(e.currentTarget.value)} data-autofocus autosize minRows={2} />
          {error && (
            <Text c="red" size="sm" role="alert">
              {error}
            </Text>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button color="red" onClick={send} loading={busy}>
              Roll back now
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Ledger({ revisions }: { revisions: Revision[] }) {
  return (
    <Table.ScrollContainer minWidth={720}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {["Revision", "Time", "Kind", "Answers", "By", "Why"].map((words) => (
              <Table.Th key={words}>{words}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {revisions.map((r) => (
            <Table.Tr key={r.number}>
              <Table.Td>{r.number}</Table.Td>
              <Table.Td style={{ whiteSpace: "nowrap" }}>{time(r.time)}</Table.Td>
              <Table.Td>
                <Badge variant="light" color={r.kind === "rollback" || r.kind === "discard" ? "red" : "blue"}>
                  {r.kind}
                </Badge>
              </Table.Td>
              <Table.Td style={{ whiteSpace: "nowrap" }}>
                {r.variants
                  .filter((v) => v.role === "live")
                  .map((v) => `v${v.version} ${v.weight / 100} %`)
                  .join(", ")}
              </Table.Td>
              <Table.Td>{r.actor}</Table.Td>
              <Table.Td>{r.reason}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

export function Endpoint() {
  const { name = "" } = useParams();
  const path = `/slipway/v1/endpoints/${encodeURIComponent(name)}`;
  const status = useLive<EndpointStatus>(path);
  const ledger = useLive<{ revisions: Revision[] }>(`${path}/revisions`);
  const refresh = () => {
    status.refresh();
    ledger.refresh();
  };
  return (
    <Loaded live={status}>
      {(endpoint) => (
        <Stack>
          <Group justify="space-between">
            <Group gap="sm">
              <Title order={2}>{endpoint.name}</Title>
              <Badge variant="light">{endpoint.rollout.phase}</Badge>
              <Anchor component={Link} to={`/endpoints/${encodeURIComponent(name)}/monitoring`}>
                Monitoring
              </Anchor>
            </Group>
            <Group>
              <RollBack endpoint={name} status={endpoint} done={refresh} />
            </Group>
          </Group>
          {endpoint.revision === null ? (
            <Empty title="Nothing answers here yet">
              It waits for <Code>{endpoint.definition.model}</Code>: a version that passes its gate takes charge.
            </Empty>
          ) : (
            <Card withBorder>
              <Text size="sm" mb="xs">
                Revision {endpoint.revision.number}, since {time(endpoint.revision.time)}: {endpoint.revision.reason}
              </Text>
              <Split variants={endpoint.revision.variants} />
            </Card>
          )}
          <Title order={3}>Ledger</Title>
          <Loaded live={ledger}>{({ revisions }) => (revisions.length === 0 ? <Text c="dimmed">No entry yet.</Text> : <Ledger revisions={revisions} />)}</Loaded>
        </Stack>
      )}
    </Loaded>
  );
}
