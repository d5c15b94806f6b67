// The address here of what MLflow's client prints as "View run at": its page keeps addresses behind a #.
export function fromMlflow(hash: string): string | undefined {
  const [, what, experiment, runs, run] = hash.replace(/^#/, "").split(/[/?]/);
  if (what === "models") return experiment ? `/models/${experiment}${runs === "versions" && run ? `?version=${run}` : ""}` : "/models";
  if (what !== "experiments") return undefined;
  if (!experiment) return "/experiments";
  return runs === "runs" && run ? `/runs/${run}` : `/experiments/${experiment}`;
}

const kScreens: Record<string, string> = { endpoints: "endpoints", experiments: "experiments", runs: "runs", models: "models", pipelines: "pipelines", datasets: "datasets", data: "data", incidents: "incidents" };

// The screen of what an event is about, where it has one.
export function screenOf(subject: string): string | undefined {
  const [kind = "", name] = subject.split("/");
  const screen = kScreens[kind];
  return screen && name ? `/${screen}/${encodeURIComponent(name)}` : undefined;
}
