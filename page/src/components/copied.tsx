import { Button, Code, Group } from "@mantine/core";
import { useState } from "react";

// Text to be taken elsewhere: a command or a piece of YAML.
export function Copied({ text, isBlock = false }: { text: string; isBlock?: boolean }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("The browser does not allow it: select the text");
    }
  };
  return (
    <Group gap="xs" align="center" mt={4} wrap="nowrap" maw="100%" className="copied">
      <Code block={isBlock} className={isBlock ? "command" : "break-all"} {...(isBlock && { tabIndex: 0 })}>
        {text}
      </Code>
      <Button size="compact-xs" variant="default" flex="none" onClick={() => void copy()}>
        Copy
      </Button>
      <span aria-live="polite" className="dim">
        {said}
      </span>
    </Group>
  );
}
