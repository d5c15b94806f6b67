// The states every screen has besides its content: loading, empty, error.
import { Alert, Button, Center, Loader, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

import type { Live } from "../api";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Center mih={240}>
      <Stack align="center" gap="xs" maw={560}>
        <Title order={3}>{title}</Title>
        {children && (
          <Text component="div" c="dimmed" ta="center">
            {children}
          </Text>
        )}
      </Stack>
    </Center>
  );
}

function Failed({ message, retry }: { message: string; retry: () => void }) {
  return (
    <Alert color="red" title="This could not be read" role="alert" mb="md">
      <Stack align="flex-start" gap="xs">
        <Text size="sm">{message}</Text>
        <Button size="xs" variant="light" color="red" onClick={retry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  );
}

// `children` gets the data once it is there; an error that comes later is shown above what was known.
export function Loaded<T>({ live, children }: { live: Live<T>; children: (data: T) => ReactNode }) {
  if (!live.data && !live.error) {
    return (
      <Center mih={240} aria-busy="true" aria-label="Loading">
        <Loader />
      </Center>
    );
  }
  return (
    <>
      {live.error && <Failed message={live.error.message} retry={live.refresh} />}
      {live.data && children(live.data)}
    </>
  );
}
