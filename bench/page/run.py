"""How fast the page draws a run's curve of 100,000 points, in Chromium: panned and zoomed, a change with each frame.

Two charts are measured: the run's screen as it is, whose curves the server thins out, and the same screen with every point (the
answer is replaced on its way by one that is not thinned out). Reported are the times between frames, and what one redraw takes the
page's thread. Chromium draws without a graphics card here: all of it is processor time.
"""
import argparse
import json
import pathlib
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import processes  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

BATCH = 1000
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
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    port = processes.free_port()
    with tempfile.TemporaryDirectory() as folder, processes.Process([processes.BUILD / "slipway", "server", "--port", port, "--data", f"{folder}/data"], port, pathlib.Path(folder) / "log") as server, sync_playwright() as playwright:
        run = log_run(server.url, args.points)
        every = all_points(server.url, run)
        assert len(every) == args.points
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        found = {"as the server thins it out": measure(page, server.url, run, args.frames)}
        page.route("**/metrics/curves*", lambda route: route.fulfill(json={"curves": [every]}))
        found[f"all {args.points} points"] = measure(page, server.url, run, args.frames)
        browser.close()
    if args.json:
        print(json.dumps({"bench": "page", "points": args.points, "frames": args.frames, "found": found}))
        return
    for name, one in found.items():
        print(f"{name}: between frames {one['frame_ms']} ms, a redraw {one['redraw_ms']} ms, late {one['late_frames_share']:.1%}")


if __name__ == "__main__":
    main()
