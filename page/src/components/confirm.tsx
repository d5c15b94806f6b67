import { Alert, Button, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { told } from "../lib/problem";
import { Dialog } from "./dialog";

const kActorKey = "slipway-actor";

interface ConfirmProps {
  title: string;
  verb: string;
  color: string;
  act: (reason: string, actor: string) => Promise<void>;
  close: () => void;
  label?: string; // of the text: "Reason"
  optional?: boolean; // the text may be empty
  children?: ReactNode;
}

// Asks before something that production or people feel: why, and by whom; both are kept. Stays open when it fails.
export function ConfirmDialog({ title, verb, color, act, close, label = "Reason", optional = false, children }: ConfirmProps) {
  const [reason, setReason] = useState("");
  const [actor, setActor] = useState(() => localStorage.getItem(kActorKey) ?? "");
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState("");
  const [before] = useState(() => document.activeElement);

  // The keyboard goes back to where it came from.
  useEffect(() => () => void (before instanceof HTMLElement && setTimeout(() => before.focus())), [before]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (running) return;
    setRunning(true);
    setProblem("");
    localStorage.setItem(kActorKey, actor);
    try {
      await act(reason.trim(), actor.trim());
      close();
    } catch (error) {
      setProblem(told(error));
      setRunning(false);
    }
  };

  return (
    <Dialog title={title} close={close}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          {children}
          <Textarea label={label} required={!optional} data-autofocus autosize minRows={2} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
          <TextInput label="Your name" placeholder="anonymous" autoComplete="username" value={actor} onChange={(event) => setActor(event.currentTarget.value)} />
          {problem && (
            <Alert color="red" variant="light" role="alert">
              {problem}
            </Alert>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" color={color} loading={running} disabled={!optional && reason.trim() === ""}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
