"""Detectors beside river's at their defaults: false alarms while nothing changes, and the delay until a change shows.

Streams of errors (10 %, then 20 %) and of numbers (normal, then half a standard deviation up); and of numbers that never change but resemble
their neighbours (0.9 from one to the next) or follow a wave, where every alarm is false. Ours of the same name are asked too, and must agree.

And what changes from day to day, asked of Evidently, whylogs, NannyML, alibi-detect and river beside our drift report and our alarm budget (windows.py)."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import processes  # noqa: E402
import windows  # noqa: E402
from river import drift  # noqa: E402

RIVER = {"adwin": drift.ADWIN, "page_hinkley": drift.PageHinkley, "kswin": lambda: drift.KSWIN(seed=0), "ddm": drift.binary.DDM, "eddm": drift.binary.EDDM}
# What a person would call a change that matters; the chance of a false alarm is alpha for the whole stream.
OURS = {"rate_above": ["bound=0.13", "alpha=0.01"], "mean_outside": ["low=-0.2", "high=0.2", "alpha=0.01"]}
OF_ERRORS, OF_NUMBERS = ["adwin", "ddm", "eddm", "rate_above"], ["adwin", "page_hinkley", "kswin", "mean_outside"]


def streams(kind: str, count: int, length: int) -> np.ndarray:
    random, half = np.random.default_rng(5), length // 2
    if kind == "errors":
        return (random.random((count, length)) < np.where(np.arange(length) < half, 0.1, 0.2)).astype(float)
    noise = random.normal(size=(count, length))
    if kind == "numbers":
        return noise + np.where(np.arange(length) < half, 0, 0.5)
    if kind == "wave":
        return noise + np.sin(2 * np.pi * np.arange(length) / 1440)
    for i in range(1, length):
        noise[:, i] = 0.9 * noise[:, i - 1] + np.sqrt(1 - 0.81) * noise[:, i]
    return noise


def ours(file: pathlib.Path, column: int, method: str) -> list[int]:
    flags = [flag for one in OURS.get(method, []) for flag in ("--set", one)]
    done = subprocess.run([processes.BUILD / "slipway", "--json", "monitor", "detect", file, "--column", str(column), "--method", method, *flags], capture_output=True, text=True, check=True)
    return [one["row"] for one in json.loads(done.stdout)["detections"]]


def rivers(values: np.ndarray, method: str) -> list[int]:
    detector, found = RIVER[method](), []
    for index, value in enumerate(values.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


def measure(folder: pathlib.Path, kind: str, count: int, length: int) -> list[dict]:
    table, half, changes = streams(kind, count, length), length // 2, kind in ("errors", "numbers")
    file = folder / f"{kind}.parquet"
    pd.DataFrame({str(i): row for i, row in enumerate(table)}).to_parquet(file, index=False)
    rows = []
    for method in OF_ERRORS if kind == "errors" else OF_NUMBERS:
        found = [ours(file, i, method) for i in range(count)]
        if method in RIVER:
            assert found == [rivers(values, method) for values in table], f"{method} is not river's on {kind}"
        quiet = half if changes else length
        delays = [min((i - half for i in one if i >= half), default=None) for one in found]
        seen = [delay for delay in delays if delay is not None]
        rows.append({"stream": kind, "detector": method, "whose": "river" if method in RIVER else "slipway",
                     "false_alarms_per_10000": sum(i < quiet for one in found for i in one) / (count * quiet) * 10_000,
                     "delay": float(np.median(seen)) if changes and seen else None, "missed": (count - len(seen)) / count if changes else None})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=10)
    parser.add_argument("--length", type=int, default=10_000)
    parser.add_argument("--peers", default=",".join(windows.PEERS), help="that are asked about windows; each makes an environment of its own")
    parser.add_argument("--window-repeats", type=int, default=3, help="streams a scenario; 0: no windows")
    parser.add_argument("--window-rows", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        days = windows.measure(pathlib.Path(folder), [name for name in args.peers.split(",") if name], args.window_repeats, args.window_rows, 14, 14) if args.window_repeats else []
        rows = [row for kind in ("errors", "numbers", "neighbours", "wave") for row in measure(pathlib.Path(folder), kind, args.streams, args.length)]
    if args.json:
        print(json.dumps({"bench": "detectors", **processes.machine(), **vars(args), "rows": rows, "windows": days}, indent=1))
        return
    print(f"{'stream':12}{'detector':14}{'whose':9}{'false alarms per 10,000':>25}{'delay':>9}{'missed':>9}")
    for row in rows:
        delay = "-" if row["delay"] is None else f"{row['delay']:.0f}"
        missed = "-" if row["missed"] is None else f"{row['missed']:.0%}"
        print(f"{row['stream']:12}{row['detector']:14}{row['whose']:9}{row['false_alarms_per_10000']:25.1f}{delay:>9}{missed:>9}")
    if days:
        windows.show(days)


if __name__ == "__main__":
    main()
