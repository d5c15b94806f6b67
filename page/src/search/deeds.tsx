// What the search box can do, each asked about in the dialog that its screen has for it.
import { Alert } from "@mantine/core";
import { useNavigate } from "react-router";
import { api } from "../api";
import { Dialog } from "../components/dialog";
import { useLive } from "../components/live";
import { FollowDialog } from "../endpoint/follow";
import { RollBackDialog } from "../endpoint/roll_back";
import type { Deed, Found } from "../lib/search";
import { AnswerAlert } from "../monitoring/alerts";
import { RunDialog } from "../pipelines/run_dialog";

// What is to be said before it is done.
async function load(deed: Deed, signal: AbortSignal) {
  if (deed.verb === "run") return { pipeline: (await api.pipelines(signal)).find(({ name }) => name === deed.pipeline) };
  if ("alert" in deed) return {};
  const endpoint = await api.endpoint(deed.endpoint, signal);
  if (deed.verb === "follow") return endpoint.rollout.held ? { held: endpoint } : {};
  const { last_good } = endpoint;
  return { target: last_good === null ? undefined : await api.revisionOf(deed.endpoint, last_good, signal) };
}

export function DeedDialog({ found: { to, title }, deed, close }: { found: Found; deed: Deed; close: () => void }) {
  const navigate = useNavigate();
  const facts = useLive((signal) => load(deed, signal), title, Infinity);
  const there = () => void navigate(to);
  if ("alert" in deed) return <AnswerAlert alert={deed.alert} what={deed.verb} close={close} changed={there} />;
  const { pipeline, target, held } = facts.data ?? {};
  if (deed.verb === "run" && pipeline) return <RunDialog pipeline={pipeline} close={close} started={(run) => void navigate(`/pipeline-runs/${run}`)} />;
  if (deed.verb === "roll back" && target) return <RollBackDialog endpoint={deed.endpoint} target={target} close={close} done={there} />;
  if (deed.verb === "follow" && held) return <FollowDialog endpoint={held} close={close} done={there} />;
  return (
    <Dialog title={title} close={close}>
      {facts.error ? (
        <Alert color="red" variant="light" role="alert">
          {facts.error.message}
        </Alert>
      ) : facts.data ? (
        "There is nothing to do any more: it was done or taken away meanwhile."
      ) : (
        "Looking…"
      )}
    </Dialog>
  );
}
