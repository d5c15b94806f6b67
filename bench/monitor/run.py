"""The drift report beside Evidently: two Parquet files in, one page out; four columns in five are numbers, the rest categories.

speed         CPU and wall seconds from the start of reading to the page, and the most memory; the scores are compared before anything is
              printed. Evidently's imports are left out, our whole process is not.
false alarms  share of columns called drifted when both sides come from the same process: independent rows, and rows that resemble their
              neighbours (autoregressive, 0.9 from one to the next; a daily wave that ends in mid-day). And the share found when the
              mean has moved by half a standard deviation.

A peer that takes longer than --peer-seconds is stopped: its ratio is then "at least"."""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import numpy as np  # noqa: E402
import processes  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

METHODS = ["slipway", "evidently", "alibi", "ks", "psi"]


def make_pair(folder: pathlib.Path, rows: int, columns: int) -> tuple[pathlib.Path, pathlib.Path]:
    """Every second column drifts."""
    random = np.random.default_rng(11)
    words = pa.array([f"category {i}" for i in range(10)])
    files = folder / f"reference-{rows}x{columns}.parquet", folder / f"current-{rows}x{columns}.parquet"
    for now, file in enumerate(files):
        table = {}
        for i in range(columns):
            moved = 0.3 * now * (i % 2)
            if i % 5 < 4:
                table[f"number_{i}"] = random.normal(moved, 1, rows)
            else:
                codes = np.minimum((random.random(rows) ** (1 + moved) * 10).astype(np.int32), 9)
                table[f"category_{i}"] = pa.DictionaryArray.from_arrays(codes, words).cast(pa.string())
        pq.write_table(pa.table(table), file)
    return files


def measured(command: list) -> dict:
    """What a command cost; the most memory is that of the largest child so far, so ours is asked before the peer."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=processes.end_with_parent)
    out, errors = process.communicate()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{errors[-2000:]}")
    return {"cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall_s": wall, "rss_mb": after.ru_maxrss / 1024, "out": out}


def slipway(*arguments) -> list:
    return [processes.BUILD / "slipway", "--json", "monitor", "report", *arguments]


def ask_peer(files, page: pathlib.Path, seconds: float) -> dict:
    began = time.perf_counter()
    try:
        done = subprocess.run([sys.executable, HERE / "peers.py", *files, page], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"wall_s": time.perf_counter() - began, "unfinished": True}
    if done.returncode:
        return {"wall_s": time.perf_counter() - began, "unfinished": True, "error": done.stderr[-300:]}
    return json.loads(done.stdout)


def check_same(ours: dict, theirs: dict) -> None:
    for column in ours["columns"]:
        np.testing.assert_allclose(column["score"], theirs["scores"][column["column"]], rtol=1e-9, atol=1e-12, err_msg=column["column"])


def speed(folder: pathlib.Path, rows: int, columns: int, rounds: int, peer_seconds: float) -> dict:
    files = make_pair(folder, rows, columns)
    page = folder / "report.html"
    ours = [measured(slipway(*files, "--method", "evidently", "--out", page)) for _ in range(rounds)]
    theirs = ask_peer(files, folder / "evidently.html", peer_seconds)
    if not theirs.get("unfinished"):
        check_same(json.loads(ours[0]["out"]), theirs)
    row = {"data": f"{rows:,} x {columns}", **{key: statistics.median(one[key] for one in ours) for key in ("cpu_s", "wall_s", "rss_mb")},
           "page_mb": page.stat().st_size / 1e6, "evidently": theirs}
    row["wall ratio"] = theirs["wall_s"] / row["wall_s"]
    if "cpu_s" in theirs:
        row["cpu ratio"] = theirs["cpu_s"] / row["cpu_s"]
    theirs.pop("scores", None)
    for file in files:
        file.unlink()
    return row


def process_of(kind: str, rows: int, columns: int, random) -> np.ndarray:
    """Columns of one and the same distribution, wherever the sample begins."""
    noise = random.normal(size=(rows, columns))
    if kind == "independent":
        return noise
    if kind == "neighbours":
        values = np.empty_like(noise)
        values[0] = noise[0]
        for i in range(1, rows):
            values[i] = 0.9 * values[i - 1] + np.sqrt(1 - 0.81) * noise[i]
        return values
    phase = 2 * np.pi * (np.arange(rows)[:, None] * 6.5 / rows + random.random(columns))
    return np.sin(phase) + 0.5 * noise


def false_alarms(folder: pathlib.Path, columns: int) -> list[dict]:
    random = np.random.default_rng(5)
    table = []
    for kind in ("independent", "neighbours", "wave"):
        for rows, rows_now in ((1000, 1000), (10_000, 1000), (10_000, 10_000), (100_000, 100_000)):
            for shift in (0, 0.5):
                few = max(20, columns * 1000 // max(rows, rows_now)) if rows_now > 1000 else columns
                files = folder / "reference.parquet", folder / "current.parquet"
                for file, n, moved in zip(files, (rows, rows_now), (0, shift)):
                    values = process_of(kind, n, few, random) + moved
                    pq.write_table(pa.table({f"c{i}": np.ascontiguousarray(values[:, i]) for i in range(few)}), file)
                row = {"rows": kind, "reference": rows, "current": rows_now, "moved": shift, "columns": few}
                for method in METHODS:
                    found = json.loads(measured(slipway(*files, "--method", method))["out"])
                    row[method] = found["columns_drifted"] / few
                table.append(row)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100000x20,1000000x100", help="ROWSxCOLUMNS, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-seconds", type=float, default=900)
    parser.add_argument("--alarm-columns", type=int, default=400, help="0: no false alarms")
    parser.add_argument("--folder", type=pathlib.Path, help="for the files; needs 2 GB for a million rows")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=args.folder) as name:
        folder = pathlib.Path(name)
        sizes = [tuple(map(int, size.split("x"))) for size in args.sizes.split(",") if size]
        rows = [speed(folder, *size, args.rounds, args.peer_seconds) for size in sizes]
        alarms = false_alarms(folder, args.alarm_columns) if args.alarm_columns else []
    if args.json:
        args.folder = str(args.folder)
        print(json.dumps({"bench": "monitor", **processes.machine(), **vars(args), "speed": rows, "false_alarms": alarms}, indent=1))
        return
    for row in rows:
        theirs = row["evidently"]
        print(f"{row['data']}: slipway {row['cpu_s']:.2f} CPU s, {row['wall_s']:.2f} s, {row['rss_mb']:.0f} MB, page {row['page_mb']:.1f} MB")
        if theirs.get("unfinished"):
            print(f"  evidently not finished after {theirs['wall_s']:.0f} s: at least {row['wall ratio']:.0f} times the wall {theirs.get('error', '')}")
        else:
            print(f"  evidently {theirs['cpu_s']:.2f} CPU s (reading {theirs['read_cpu_s']:.2f}, running {theirs['run_cpu_s']:.2f}), {theirs['wall_s']:.2f} s, "
                  f"{theirs['rss_mb']:.0f} MB: {row['cpu ratio']:.0f} times the CPU, {row['wall ratio']:.0f} times the wall")
    if alarms:
        print(f"{'rows':13}{'reference':>10}{'current':>9}{'moved':>7}" + "".join(f"{method:>13}" for method in METHODS))
    for row in alarms:
        print(f"{row['rows']:13}{row['reference']:10,}{row['current']:9,}{row['moved']:7}" + "".join(f"{row[method]:13.3f}" for method in METHODS))


if __name__ == "__main__":
    main()
