import { Text } from "@mantine/core";
import { api, type Endpoint } from "../api";
import { ConfirmDialog } from "../components/confirm";

// Says what following again means for an endpoint that is held, and does it.
export function FollowDialog({ endpoint: { name, definition, rollout }, close, done }: { endpoint: Endpoint; close: () => void; done: (words: string) => void }) {
  const follow = async (reason: string, actor: string) => {
    const { revision } = await api.follow(name, reason, actor);
    done(`The endpoint follows its alias again, since revision ${revision}.`);
  };
  return (
    <ConfirmDialog title="Follow the alias again?" verb="Follow" color="cyan" act={follow} close={close}>
      <Text size="sm">
        {name} is held: {rollout.held_reason || "no reason was given"}. From now on releases of {definition.model} reach it again.
      </Text>
    </ConfirmDialog>
  );
}
