import { Alert, Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api";
import type { Live } from "./live";

// What has been loaded, or why it isn't there: the waiting and the failing of every screen.
export function Loaded<T>({ from, children }: { from: Live<T>; children: (data: T) => ReactNode }) {
  const { data, error, isRetried, reload } = from;
  const isAbsent = error instanceof ApiError && error.status === 404; // a name that was mistyped, or is gone
  return (
    <Stack gap="md">
      {error && (
        <Alert color={isAbsent ? "gray" : "red"} variant="light" role="alert" title={error.message}>
          <Group justify="space-between">
            <Text size="sm">
              {isRetried && !isAbsent && "Trying again every few seconds. "}
              {data !== undefined && "Below is what was there before."}
            </Text>
            <Button size="xs" variant="default" onClick={reload}>
              Try again
            </Button>
          </Group>
        </Alert>
      )}
      {data !== undefined ? children(data) : !error && <Waiting />}
    </Stack>
  );
}

export function Waiting() {
  return (
    <Stack gap="sm" aria-busy="true" aria-label="Loading" role="status">
      <Skeleton height={28} width="30%" />
      <Skeleton height={120} />
      <Skeleton height={120} />
    </Stack>
  );
}

// Nothing is there yet: says what would change that.
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack className="empty" gap="xs" align="flex-start">
      <Text fw={600}>{title}</Text>
      {children}
    </Stack>
  );
}
