import { Alert, Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, type NewToken, type Token } from "../api";
import { useLive } from "../components/live";
import { Loaded } from "../components/loaded";
import { PlainTable } from "../components/plain_table";
import { Command, Time } from "../components/words";
import { told } from "../lib/problem";

const kSecondsOfDay = 86_400;

// A user's tokens: made, shown once, taken back.
export function Tokens({ user }: { user: string }) {
  const tokens = useLive((signal) => api.tokens(user, signal), user, 15, [`users/${user}`]);
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
        {(found) => (found.length === 0 ? <Text size="sm">There is none.</Text> : <List user={user} tokens={found} takeBack={(id) => change(async () => void (await api.takeTokenBack(id)))} />)}
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

function List({ user, tokens, takeBack }: { user: string; tokens: Token[]; takeBack: (id: string) => Promise<boolean> }) {
  const [asked, setAsked] = useState("");
  return (
    <PlainTable
      name="Tokens"
      minWidth={460}
      rows={tokens}
      keyOf={({ id }) => id}
      file={{ of: `tokens of ${user}`, call: api.tokensPath(user) }}
      columns={[
        { title: "Name", cell: ({ name }) => name, kind: "break", value: ["name", ({ name }) => name], also: [["id", ({ id }) => id]] },
        { title: "Made", cell: ({ created }) => <Time at={created} />, value: ["created", ({ created }) => created] },
        { title: "Good until", cell: ({ expires }) => (expires === null ? "it is taken back" : <Time at={expires} />), value: ["expires", ({ expires }) => expires] },
        {
          title: "Take back",
          cell: ({ id, name }) =>
            asked === id ? (
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
            ),
        },
      ]}
    />
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
