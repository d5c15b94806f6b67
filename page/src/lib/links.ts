// The address here of what MLflow's client prints as "View run at": its page keeps addresses behind a #.
export function fromMlflow(hash: string): string | undefined {
  const [, what, experiment, runs, run] = hash.replace(/^#/, "").split(/[/?]/);
  if (what !== "experiments") return undefined;
  if (!experiment) return "/experiments";
  return runs === "runs" && run ? `/runs/${run}` : `/experiments/${experiment}`;
}
