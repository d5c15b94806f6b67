"""How fast the page is in Chromium: until a view stands, and while a curve of 100,000 points is panned and zoomed, a change with each frame.

Loads are of a browser that has nothing of the page: each has a context of its own, without cache. Reported is the time from the navigation
on until the browser has drawn what the view is about: on the first screen all models of a project like the flights example's, on a run's
screen its curves. The processor is not slowed down, the server runs on the same one, and nothing travels over a network.

Of the curve two charts are measured: the run's screen as it is, whose curves the server thins out, and the same screen with every point (the
answer is replaced on its way by one that is not thinned out). Reported are the times between frames, and what one redraw takes the
page's thread. Chromium draws without a graphics card here: all of it is processor time.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402
import xgboost  # noqa: E402
from mlflow.models import infer_signature  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

BATCH = 1000
DAYS_ASKED = 21
FRAME_MS = 1000 / 60

# Zooms in to a half, pans there and back, and zooms out again, one step a frame: at least half of the points are drawn each time.
# {frames, redraws} in milliseconds.
MOVE = """
async (count) => {
  const over = document.querySelector('.chart .u-over');
  const box = over.getBoundingClientRect();
  const wheel = (options, share) => over.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, clientX: box.left + box.width * share, clientY: box.top + 20, ...options }));
  const frame = () => new Promise(requestAnimationFrame);
  const frames = [], redraws = [];
  let before = await frame();
  for (let at = 0; at < count; ++at) {
    const begun = performance.now();
    const phase = at % 60;
    if (phase < 20) wheel({ ctrlKey: true, deltaY: -8 }, 0.5);
    else if (phase < 40) wheel({ shiftKey: true, deltaY: phase < 25 || phase >= 35 ? 10 : -10 }, 0.5);
    else wheel({ ctrlKey: true, deltaY: 8 }, 0.5);
    await new Promise(queueMicrotask); // the chart draws before the next task
    redraws.push(performance.now() - begun);
    const now = await frame();
    frames.push(now - before);
    before = now;
  }
  return { frames, redraws };
}
"""


def ask(url: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def log_run(url: str, points: int) -> str:
    run = ask(f"{url}/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": "long"})["run"]["info"]["run_id"]
    for start in range(0, points, BATCH):
        metrics = [{"key": "loss", "value": 1 / (1 + step / 5000) + 0.05 * ((step * 7919) % 101) / 101, "timestamp": step, "step": step} for step in range(start, min(points, start + BATCH))]
        ask(f"{url}/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": metrics})
    ask(f"{url}/api/2.0/mlflow/runs/update", {"run_id": run, "status": "FINISHED"})
    return run


def register(url: str) -> None:
    """A model of twenty inputs, as flights has."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(2000, 20)), columns=[f"x{i:02}" for i in range(20)])
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1}, xgboost.DMatrix(rows, (rows.x00 > 0).astype(int)), 5)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    with contextlib.redirect_stdout(sys.stderr), mlflow.start_run():
        mlflow.xgboost.log_model(booster, name="model", registered_model_name="flight", model_format="json",
                                 signature=infer_signature(rows, booster.predict(xgboost.DMatrix(rows))))


def start_project(url: str, folder: pathlib.Path, models: int) -> None:
    """So many models in production, watched by day, each asked for three weeks of the event clock."""
    register(url)
    names = [f"flight-{number:02}" for number in range(models)]
    start = datetime.datetime(2013, 6, 1, tzinfo=datetime.UTC)
    text = lambda day: (start + datetime.timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
    endpoints = "".join(f"  {name}: {{model: models:/flight/1, output: late}}\n" for name in names)
    monitors = "".join(f"  {name}: {{endpoint: {name}, windows: [day, week], alerts: {{auc: {{metric: auc, window: week, under: 0.6}}}}}}\n" for name in names)
    ask(url + "/slipway/v1/apply", {"yaml": f"project: flights\nowner: operations\nclock: rehearsal\nstart: {text(0)}\nendpoints:\n{endpoints}monitors:\n{monitors}", "dir": str(folder)})
    for name in names:
        ask(f"{url}/slipway/v1/endpoints/{name}/deploy", {"model": "models:/flight/1", "reason": "bench"})
    random = np.random.default_rng(5)
    for day in range(DAYS_ASKED):
        for name in names:
            rows = int(random.integers(20, 60))
            inputs = [{"name": f"x{i:02}", "shape": [rows], "datatype": "FP64", "data": random.normal(size=rows).tolist()} for i in range(20)]
            ask(f"{url}/v2/models/{name}/infer", {"id": f"{name}-{day}", "parameters": {"event_time": text(day)}, "inputs": inputs})
        ask(url + "/slipway/v1/clock", {"advance_to": text(day + 1)})


def log_curves(url: str) -> str:
    """A finished run with six metrics of 2,000 steps."""
    run = ask(f"{url}/api/2.0/mlflow/runs/create", {"experiment_id": "0", "run_name": "curves"})["run"]["info"]["run_id"]
    for start in range(0, 2000, 160):
        metrics = [{"key": f"metric-{of}", "value": (of + 1) / (1 + step / 100), "timestamp": step, "step": step} for step in range(start, min(2000, start + 160)) for of in range(6)]
        ask(f"{url}/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": metrics})
    ask(f"{url}/api/2.0/mlflow/runs/update", {"run_id": run, "status": "FINISHED"})
    return run


# When `stands` says so and the browser has drawn it, in milliseconds since the navigation began.
STANDS = """
new MutationObserver((_, observer) => {
  if (!(%s)) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.stoodMs = performance.now(); }));
}).observe(document, { childList: true, subtree: true, attributes: true });
"""


def load(browser, url: str, stands: str) -> float:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        page.add_init_script(STANDS % stands)
        page.goto(url, wait_until="commit")
        deadline = time.monotonic() + 60
        while (stood := page.evaluate("window.stoodMs")) is None:  # waiting in the page is against its policy (no eval)
            if time.monotonic() > deadline:
                raise SystemExit(f"it does not stand: {url}")
            time.sleep(0.02)
        return stood
    finally:
        context.close()


def loads(browser, url: str, stands: str, count: int) -> dict:
    load(browser, url, stands)  # the server's own caches, and the browser's processes
    return spread([load(browser, url, stands) for _ in range(count)])


def all_points(url: str, run: str) -> list:
    points, token = [], ""
    while True:
        page = ask(f"{url}/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=25000{token and '&page_token=' + token}")
        points += page["metrics"]
        if not (token := page.get("next_page_token", "")):
            return points


def spread(values: list) -> dict:
    ordered = sorted(values)
    return {"median": round(ordered[len(ordered) // 2], 2), "p95": round(ordered[int(0.95 * len(ordered))], 2), "most": round(ordered[-1], 2)}


def measure(page, url: str, run: str, frames: int) -> dict:
    page.goto(f"{url}/ui/runs/{run}")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.evaluate(MOVE, 60)  # warm
    found = page.evaluate(MOVE, frames)
    return {"frame_ms": spread(found["frames"]), "redraw_ms": spread(found["redraws"]), "late_frames_share": round(sum(one > 1.5 * FRAME_MS for one in found["frames"]) / frames, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    port = processes.free_port()
    with tempfile.TemporaryDirectory() as folder, processes.Process([processes.BUILD / "slipway", "server", "--port", port, "--data", f"{folder}/data"], port, pathlib.Path(folder) / "log") as server, sync_playwright() as playwright:
        start_project(server.url, pathlib.Path(folder), args.models)
        run, curves = log_run(server.url, args.points), log_curves(server.url)
        every = all_points(server.url, run)
        assert len(every) == args.points
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        loaded = {
            f"first screen, {args.models} models": loads(browser, f"{server.url}/ui/", f"document.querySelectorAll('main tbody tr').length === {args.models}", args.loads),
            "run, 6 curves": loads(browser, f"{server.url}/ui/runs/{curves}", "document.querySelectorAll('.chart canvas').length === 6", args.loads),
        }
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        found = {"as the server thins it out": measure(page, server.url, run, args.frames)}
        page.route("**/metrics/curves*", lambda route: route.fulfill(json={"curves": [every]}))
        found[f"all {args.points} points"] = measure(page, server.url, run, args.frames)
        browser.close()
    if args.json:
        print(json.dumps({"bench": "page", "points": args.points, "frames": args.frames, "loads": args.loads, "load_ms": loaded, "found": found}))
        return
    for name, one in loaded.items():
        print(f"{name}: stands after {one} ms, {args.loads} cold loads")
    for name, one in found.items():
        print(f"{name}: between frames {one['frame_ms']} ms, a redraw {one['redraw_ms']} ms, late {one['late_frames_share']:.1%}")


if __name__ == "__main__":
    main()
