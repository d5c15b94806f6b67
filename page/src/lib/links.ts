// The address here of what clients of MLflow ("View run at") and of Kubeflow Pipelines ("Run details") print: the pages of both keep
// addresses behind a #. What Kubeflow has uploaded and its experiments have no screen of their own.
export function fromPeer(hash: string): string | undefined {
  const [, what, second, third, fourth] = hash.replace(/^#/, "").split(/[/?]/);
  if (second === "details" && what !== "models") return what === "runs" && third ? `/pipeline-runs/${third}` : "/pipelines";
  if (what === "models") return second ? `/models/${second}${third === "versions" && fourth ? `?version=${fourth}` : ""}` : "/models";
  if (what !== "experiments") return undefined;
  if (!second) return "/experiments";
  return third === "runs" && fourth ? `/runs/${fourth}` : `/experiments/${second}`;
}

const kScreens: Record<string, string> = { endpoints: "endpoints", experiments: "experiments", runs: "runs", models: "models", pipelines: "pipelines", datasets: "datasets", data: "data", incidents: "incidents" };

// The screen of what an event is about, where it has one.
export function screenOf(subject: string): string | undefined {
  const [kind = "", name] = subject.split("/");
  const screen = kScreens[kind];
  return screen && name ? `/${screen}/${encodeURIComponent(name)}` : undefined;
}
