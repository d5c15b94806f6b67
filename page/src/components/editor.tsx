import { Alert, Anchor, Button, Group, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { type FormEvent, lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import type { Editable } from "../api";
import { told } from "../lib/problem";
import { Dialog } from "./dialog";
import { type Pair, Pairs } from "./pairs";

// Where it can't be loaded, as from a server that has another version by now, the text stands as it was written.
const Written = lazy(() => import("../registry/markdown").catch(() => ({ default: AsTyped })));

interface EditDialogProps {
  title: string;
  fields: { label: string; value?: string; isLong?: boolean; isRequired?: boolean }[]; // none: it is asked whether it should be done
  verb?: string;
  color?: string;
  act: (...typed: string[]) => Promise<unknown>; // with the fields' texts
  close: () => void;
  children?: ReactNode;
}

// Asks for texts and does something with them. Stays open, with what was typed, when that fails.
export function EditDialog({ title, fields, verb = "Save", color, act, close, children }: EditDialogProps) {
  const [typed, setTyped] = useState(() => fields.map(({ value = "" }) => value));
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState("");
  const [before] = useState(() => document.activeElement);
  useEffect(() => () => void (before instanceof HTMLElement && setTimeout(() => before.focus())), [before]); // the keyboard goes back to where it came from
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isRunning) return;
    setRunning(true);
    setProblem("");
    try {
      await act(...typed);
      close();
    } catch (error) {
      setProblem(told(error));
      setRunning(false);
    }
  };
  return (
    <Dialog title={title} close={close} size={fields.some(({ isLong }) => isLong) ? "lg" : "md"}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          {children}
          {fields.map(({ label, isLong, isRequired = false }, at) => {
            const field = {
              label,
              required: isRequired,
              value: typed[at] ?? "",
              onChange: ({ currentTarget: { value } }: { currentTarget: { value: string } }) => setTyped((all) => all.with(at, value)),
              ...(at === 0 && { "data-autofocus": true }),
            };
            return isLong ? <Textarea key={label} {...field} autosize minRows={isRequired ? 2 : 8} maxRows={20} /> : <TextInput key={label} {...field} />;
          })}
          {problem && (
            <Alert color="red" variant="light" role="alert">
              {problem}
            </Alert>
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close} {...(fields.length === 0 && { "data-autofocus": true })}>
              Cancel
            </Button>
            <Button type="submit" loading={isRunning} {...(color && { color })}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

export function AsTyped({ text }: { text: string }) {
  return (
    <Text size="sm" className="as-typed">
      {text}
    </Text>
  );
}

interface DescriptionProps {
  of: string; // "version 3": what is described
  text: string;
  edit: Editable;
  changed: () => void;
}

// What people wrote of something, as Markdown, and the button that changes it.
export function Description({ of, text, edit, changed }: DescriptionProps) {
  const [isEditing, setEditing] = useState(false);
  return (
    <section aria-label={`Description of ${of}`}>
      <Group justify="space-between" mb={6}>
        <Title order={2} size="h5">
          Description of {of}
        </Title>
        <Anchor component="button" type="button" size="xs" onClick={() => setEditing(true)} aria-label={`Edit the description of ${of}`}>
          Edit
        </Anchor>
      </Group>
      {text ? (
        <Suspense fallback={<AsTyped text={text} />}>
          <Written text={text} />
        </Suspense>
      ) : (
        <Text size="sm" c="dimmed">
          Not described yet.
        </Text>
      )}
      {isEditing && (
        <EditDialog
          title={`Description of ${of}`}
          fields={[{ label: "Markdown", value: text, isLong: true }]}
          close={() => setEditing(false)}
          act={async (typed) => {
            await edit.describe(typed ?? "");
            changed();
          }}
        />
      )}
    </section>
  );
}

interface TagsProps {
  title: string; // "Tags"
  pairs: Pair[];
  call?: string | undefined;
  edit: Editable;
  changed: () => void;
}

// Tags, each with what changes it and takes it away.
export function Tags({ title, pairs, call, edit, changed }: TagsProps) {
  const [asked, setAsked] = useState<{ tag?: Pair; isGoing?: boolean }>();
  const close = () => setAsked(undefined);
  const and = (act: (...typed: string[]) => Promise<unknown>) => async (...typed: string[]) => {
    await act(...typed);
    changed();
  };
  const { tag, isGoing } = asked ?? {};
  return (
    <>
      <Pairs
        title={title}
        pairs={pairs}
        call={call}
        add={
          <Anchor component="button" type="button" size="xs" onClick={() => setAsked({})} aria-label={`Add to ${title.toLowerCase()}`}>
            Add
          </Anchor>
        }
        deeds={(tag) => (
          <Group gap={8} wrap="nowrap" justify="flex-end">
            <Anchor component="button" type="button" size="xs" onClick={() => setAsked({ tag })} aria-label={`Change tag ${tag.key}`}>
              Change
            </Anchor>
            <Anchor component="button" type="button" size="xs" onClick={() => setAsked({ tag, isGoing: true })} aria-label={`Delete tag ${tag.key}`}>
              Delete
            </Anchor>
          </Group>
        )}
      />
      {asked && !tag && <EditDialog title="Add a tag" verb="Add" fields={[{ label: "Name", isRequired: true }, { label: "Value" }]} close={close} act={and((key = "", value = "") => edit.setTag(key.trim(), value))} />}
      {tag && !isGoing && <EditDialog title={`Tag ${tag.key}`} fields={[{ label: "Value", value: String(tag.value), isLong: true, isRequired: true }]} close={close} act={and((value = "") => edit.setTag(tag.key, value))} />}
      {tag && isGoing && (
        <EditDialog title={`Delete the tag ${tag.key}?`} verb="Delete" color="red" fields={[]} close={close} act={and(() => edit.deleteTag(tag.key))}>
          <Text size="sm" className="break">
            It says: {tag.value}
          </Text>
        </EditDialog>
      )}
    </>
  );
}
