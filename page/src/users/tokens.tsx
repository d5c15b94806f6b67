import { Alert, Button, Group, Stack, Table, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, type NewToken, type Token } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { Command, Time } from "../components/words";
import { told } from "../lib/problem";

const kSecondsOfDay = 86_400;

// A user's tokens: made, shown once, taken back.
export function Tokens({ user }: { user: string }) {
  const tokens = useLive((signal) => api.tokens(user, signal), user, 15);
  const [made, setMade] = useState<NewToken>();
  const [problem, setProblem] = useState("");
  // Whether it was done.
  const change = async (act: () => Promise<void>) => {
    try {
      await act();
      setProblem("");
      return true;
    } catch (error) {
      setProblem(told(error));
      return false;
    } finally {
      tokens.reload();
    }
  };
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        Tokens
      </Title>
      {problem && (
        <Alert color="red" variant="light" role="alert">
          {problem}
        </Alert>
      )}
      {made && <Shown token={made} />}
      <Loaded from={tokens}>
        {(found) => (found.length === 0 ? <Text size="sm">There is none.</Text> : <List tokens={found} takeBack={(id) => change(async () => void (await api.takeTokenBack(id)))} />)}
      </Loaded>
      <Make make={(name, days) => change(async () => setMade(await api.makeToken(user, name, days === undefined ? undefined : Math.round(days * kSecondsOfDay))))} />
    </Stack>
  );
}

function Shown({ token }: { token: NewToken }) {
  const s3 = token.s3 && `\nexport AWS_ACCESS_KEY_ID=${token.s3.access_key_id}\nexport AWS_SECRET_ACCESS_KEY=${token.s3.secret_access_key}`;
  return (
    <Alert color="teal" variant="light" title={`${token.name} is made`}>
      <Text size="sm">Keep it now: it is shown this once.</Text>
      <Command>{`export SLIPWAY_TOKEN=${token.token}\nexport MLFLOW_TRACKING_TOKEN=${token.token}${s3 ?? ""}`}</Command>
    </Alert>
  );
}

function List({ tokens, takeBack }: { tokens: Token[]; takeBack: (id: string) => Promise<boolean> }) {
  const [asked, setAsked] = useState("");
  return (
    <Table.ScrollContainer minWidth={460}>
      <Table verticalSpacing={4} aria-label="Tokens">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>Good until</Table.Th>
            <Table.Th>Take back</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tokens.map(({ id, name, created, expires }) => (
            <Table.Tr key={id}>
              <Table.Td className="break">{name}</Table.Td>
              <Table.Td>
                <Time at={created} />
              </Table.Td>
              <Table.Td>{expires === null ? "it is taken back" : <Time at={expires} />}</Table.Td>
              <Table.Td>
                {asked === id ? (
                  <Group gap="xs" wrap="nowrap">
                    <Button size="compact-xs" color="red" onClick={() => void takeBack(id)} autoFocus>
                      Yes, {name} stops working
                    </Button>
                    <Button size="compact-xs" variant="default" onClick={() => setAsked("")}>
                      No
                    </Button>
                  </Group>
                ) : (
                  <Button size="compact-xs" variant="default" onClick={() => setAsked(id)} aria-label={`Take back ${name}`}>
                    Take back
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Make({ make }: { make: (name: string, days?: number) => Promise<boolean> }) {
  const [isMaking, setMaking] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const typed = new FormData(form);
    const days = String(typed.get("days")).trim();
    setMaking(true);
    void make(String(typed.get("name")).trim(), days === "" ? undefined : Number(days)).then((isMade) => {
      setMaking(false);
      if (isMade) form.reset();
    });
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end" gap="xs">
        <TextInput name="name" size="xs" label="Name of a new token" placeholder="laptop" required />
        <TextInput name="days" size="xs" label="Good for so many days" placeholder="for ever" type="number" min={0.01} step="any" />
        <Button type="submit" size="xs" loading={isMaking}>
          Make
        </Button>
      </Group>
    </form>
  );
}
