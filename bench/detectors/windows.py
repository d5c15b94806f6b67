"""What changes from window to window, asked of tools that compare windows with a reference: a stream is a file with a column `value` (numbers, or
categories as texts, some missing), the `window` each row fell into (those of the reference are negative) and its `time`.

The peers are at their defaults, each in an environment of its own (peers/NAME.txt), which is made when it is first asked for. Ours are the drift
report's default and three rules of an alarm budget (one false page a week, shared by 250 rules) on what a monitor says of a window: the mean,
the PSI, the share of missing values.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import processes

HERE = pathlib.Path(__file__).resolve().parent / "peers"
PEERS = ["evidently", "whylogs", "nannyml", "alibi"]
LEARNED = 35  # windows of the reference: five weeks of days

# What the columns of the table mean: whether an alarm is wanted.
SCENARIOS = {"quiet": False, "mean +0.5 sd": True, "mean +0.1 sd": True, "variance x2": True, "gradual to +0.5 sd in 20": True, "categories": True,
             "nulls 1 -> 20 %": True, "weekly": False, "wandering": False, "traffic / 10": False}


def stream(scenario: str, seed: int, rows: int, quiet: int, changed: int) -> pd.DataFrame:
    """LEARNED windows to learn from, `quiet` ones as they were and `changed` ones after the change; for what is no change all are of one process."""
    random = np.random.default_rng([seed, sorted(SCENARIOS).index(scenario)])
    parts, level = [], 0.0
    for window in range(-LEARNED, quiet + changed):
        after = window >= quiet
        count = rows // 10 if after and scenario == "traffic / 10" else rows
        if scenario == "categories":
            shares = [0.4, 0.3, 0.2, 0.1] if not after else [0.32, 0.3, 0.2, 0.18]
            values = pd.Series(random.choice(list("abcd"), count, p=shares), dtype=object)
        else:
            level = 0.8 * level + random.normal(0, 0.06)
            mean = {"mean +0.5 sd": 0.5 * after, "mean +0.1 sd": 0.1 * after, "gradual to +0.5 sd in 20": 0.025 * np.clip(window - quiet + 1, 0, 20),
                    "weekly": 0.5 * (window % 7 >= 5), "wandering": level}.get(scenario, 0)
            values = pd.Series(random.normal(mean, np.sqrt(2) if after and scenario == "variance x2" else 1, count))
            if scenario.startswith("nulls"):
                values[random.random(count) < (0.2 if after else 0.01)] = None
        time = pd.Timestamp("2024-01-01") + pd.Timedelta(days=window + LEARNED) + pd.to_timedelta(np.arange(count) / count * 86_000, unit="s")
        parts.append(pd.DataFrame({"window": window, "time": time, "value": values}))
    return pd.concat(parts, ignore_index=True)


def report(folder: pathlib.Path, files: list[pathlib.Path]) -> dict[str, list[int]]:
    """Windows in which our drift report, at its default, says that the column has drifted."""
    found = {}
    for file in files:
        table, found[file.stem] = pd.read_parquet(file), []
        table[table.window < 0][["value"]].to_parquet(folder / "reference.parquet", index=False)
        for window, part in table[table.window >= 0].groupby("window"):
            part[["value"]].to_parquet(folder / "current.parquet", index=False)
            done = subprocess.run([processes.BUILD / "slipway", "--json", "monitor", "report", folder / "reference.parquet", folder / "current.parquet"],
                                  capture_output=True, text=True, check=True)
            if json.loads(done.stdout)["columns_drifted"]:
                found[file.stem].append(int(window))
    return found


def shares(values: pd.Series, edges) -> np.ndarray:
    counts = values.value_counts().reindex(edges, fill_value=0).to_numpy() if isinstance(edges, list) else np.histogram(values, edges)[0]
    return np.maximum(counts / max(counts.sum(), 1), 1e-4)


def budget(folder: pathlib.Path, files: list[pathlib.Path]) -> dict[str, list[int]]:
    """Windows in which one of three rules without a threshold fires."""
    found = {}
    for file in files:
        table = pd.read_parquet(file)
        first = table[table.window == -LEARNED].value.dropna()
        is_text = table.value.dtype == object
        edges = sorted(first.unique()) if is_text else np.concatenate([[-np.inf], np.quantile(first, np.arange(0.1, 1, 0.1)), [np.inf]])
        expected = shares(first, edges)
        lines = []
        for _, part in table.groupby("window"):
            known = part.value.dropna()
            now = shares(known, edges)
            lines.append({"rows": len(part), "mean": None if is_text else known.mean(), "psi": float(((now - expected) * np.log(now / expected)).sum()),
                          "missing": 1 - len(known) / len(part)})
        numbers = folder / "numbers.parquet"
        pd.DataFrame(lines).astype({"mean": float}).to_parquet(numbers, index=False)
        alarmed: set[int] = set()
        for column, metric, side in (("mean", "mean_prediction", "both"), ("psi", "prediction_psi", "high"), ("missing", "missing_rate", "high")):
            done = subprocess.run([processes.BUILD / "slipway", "--json", "monitor", "unusual", numbers, "--column", column, "--rows", "rows", "--metric", metric,
                                   "--side", side, "--shared-by", "250"], capture_output=True, text=True, check=True)
            alarmed |= {one["row"] - LEARNED for one in json.loads(done.stdout)["unusual"] if one["row"] >= LEARNED}
        found[file.stem] = sorted(alarmed)
    return found


def river(folder: pathlib.Path, files: list[pathlib.Path]) -> dict[str, list[int]]:
    """Windows in which ADWIN finds a change in the numbers, row by row."""
    from river import drift

    found = {}
    for file in files:
        table, detector, alarmed = pd.read_parquet(file), drift.ADWIN(), set()
        if table.value.dtype != object:
            for window, value in zip(table.window.to_numpy(), table.value.to_numpy()):
                if value != value:
                    continue
                detector.update(value)
                if detector.drift_detected and window >= 0:
                    alarmed.add(int(window))
        found[file.stem] = sorted(alarmed)
    return found


def peer(name: str, folder: pathlib.Path) -> dict[str, list[int]]:
    commands = processes.environment(f"bench-detectors-{name}", HERE / f"{name}.txt")
    done = subprocess.run([commands / "python3", HERE / "ask.py", name, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: pathlib.Path, peers: list[str], repeats: int, rows: int, quiet: int, changed: int) -> list[dict]:
    streams = folder / "streams"
    streams.mkdir()
    for scenario in SCENARIOS:
        for seed in range(repeats):
            stream(scenario, seed, rows, quiet, changed).to_parquet(streams / f"{scenario.replace('/', 'by')}@{seed}.parquet", index=False)
    files = sorted(streams.glob("*.parquet"))
    asked = {"slipway drift": lambda: report(folder, files), "slipway budget": lambda: budget(folder, files), "river ADWIN": lambda: river(folder, files)}
    asked |= {name: (lambda name=name: peer(name, streams)) for name in peers}
    table = []
    for tool, ask in asked.items():
        found = ask()
        for scenario, wanted in SCENARIOS.items():
            alarms = [found[f"{scenario.replace('/', 'by')}@{seed}"] for seed in range(repeats)]
            delays = [min((window - quiet for window in one if window >= quiet), default=None) for one in alarms]
            seen = [delay for delay in delays if delay is not None]
            calm = [[window for window in one if window < quiet or not wanted] for one in alarms]
            table.append({"tool": tool, "scenario": scenario, "wanted": wanted,
                          "found": len(seen) / repeats if wanted else None, "delay": float(np.median(seen)) if wanted and seen else None,
                          "false_alarms_per_100": 100 * sum(map(len, calm)) / (repeats * (quiet if wanted else quiet + changed))})
    return table


def show(table: list[dict]) -> None:
    tools = list(dict.fromkeys(row["tool"] for row in table))
    print("\nwindows of a day: share of the changes found and windows until then; false alarms in 100 windows in which nothing was the matter")
    print(f"{'':26}" + "".join(f"{tool:>18}" for tool in tools))
    for scenario in SCENARIOS:
        cells = []
        for row in (row for row in table if row["scenario"] == scenario):
            found = "" if not row["wanted"] else f"{row['found']:.0%}" + ("" if row["delay"] is None else f" +{row['delay']:.0f}") + ", "
            cells.append(f"{found}{row['false_alarms_per_100']:.1f}")
        print(f"{scenario:26}" + "".join(f"{text:>18}" for text in cells))
