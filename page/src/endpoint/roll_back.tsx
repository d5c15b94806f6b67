import { Text } from "@mantine/core";
import { api, type Revision } from "../api";
import { ConfirmDialog } from "../components/confirm";
import { Time } from "../components/words";
import { duration } from "../lib/format";
import { TrafficSplit } from "./traffic";

interface RollBackProps {
  endpoint: string;
  target: Revision; // what a rollback goes back to
  close: () => void;
  done: (words: string) => void; // what came of it
}

// Says what a rollback would put in charge, and does it.
export function RollBackDialog({ endpoint, target, close, done }: RollBackProps) {
  const rollBack = async (reason: string, actor: string) => {
    const before = performance.now();
    const answer = await api.rollBack(endpoint, reason, actor);
    const seen = (performance.now() - before) / 1000;
    const version = answer.entry.variants.find((variant) => variant.name === "live")?.version;
    done(
      `Version ${version} is in charge again, as revision ${answer.revision}: the server took ` +
        `${duration(answer.seconds)}, the button ${duration(seen)}.`,
    );
  };
  return (
    <ConfirmDialog title={`Roll back ${endpoint}?`} verb="Roll back" color="red" act={rollBack} close={close}>
      <Text size="sm">
        All requests go back to what revision {target.number} served, from <Time at={target.time} />:
      </Text>
      <TrafficSplit variants={target.variants} />
      <Text size="sm" c="dimmed">
        The endpoint is then held: it follows its alias again only when somebody says so.
      </Text>
    </ConfirmDialog>
  );
}
