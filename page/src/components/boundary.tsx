import { Alert, Button, Group, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { told } from "../lib/problem";

// What can't be drawn says so, in its own place: the rest of the page stays. Give it a `key`, and another one begins anew.
export class Boundary extends Component<{ children: ReactNode }, { problem?: unknown }> {
  override state: { problem?: unknown } = {};

  static getDerivedStateFromError(problem: unknown) {
    return { problem };
  }

  override render() {
    if (!("problem" in this.state)) return this.props.children;
    return (
      <Alert color="red" variant="light" role="alert" title="This screen broke">
        <Group justify="space-between">
          <Text size="sm">{told(this.state.problem)}. A server of another version may be running by now.</Text>
          <Button size="xs" variant="default" onClick={() => location.reload()}>
            Reload
          </Button>
        </Group>
      </Alert>
    );
  }
}
