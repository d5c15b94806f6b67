#!/usr/bin/env python3
"""Row diff of two versions of a table in Parquet: `slipway diff-files`, and DuckDB and Polars with a full outer join on the key.

All say how many rows were added, removed and changed, and the changed cells of each column; their answers must be the same. Slipway also tells examples and
distributions. 1 % of the rows are changed, 0.5 % go, 1 % come, the second version is in another order. Each is a process of its own; rounds in turn, medians;
memory is the process's peak of resident pages, mapped files included.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import processes  # noqa: E402

COLUMNS = ["price", "weight", "stock", "name", "at"]

DUCKDB = """
import duckdb, json, sys
before, after, columns, folder = sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4]
db = duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": folder})
db.sql("SET enable_progress_bar = false")
differs = {c: f'(a."{c}" IS DISTINCT FROM b."{c}")' for c in columns}
both = "a.id IS NOT NULL AND b.id IS NOT NULL"
counts = [f"count(*) FILTER ({both} AND {differs[c]})" for c in columns]
row = db.sql(f"SELECT count(*) FILTER (a.id IS NULL), count(*) FILTER (b.id IS NULL), count(*) FILTER ({both} AND ({' OR '.join(differs.values())})), "
             f"{', '.join(counts)} FROM read_parquet('{before}') a FULL OUTER JOIN read_parquet('{after}') b ON a.id = b.id").fetchall()[0]
print(json.dumps(list(row)))
"""

POLARS = """
import json, sys
import polars as pl
before, after, columns = pl.scan_parquet(sys.argv[1]), pl.scan_parquet(sys.argv[2]), sys.argv[3].split(",")
joined = before.join(after, on="id", how="full", suffix="_after")
both = pl.col("id").is_not_null() & pl.col("id_after").is_not_null()
differs = [both & pl.col(c).ne_missing(pl.col(c + "_after")) for c in columns]
row = joined.select(pl.col("id").is_null().sum().alias("added"), pl.col("id_after").is_null().sum().alias("removed"),
                    pl.any_horizontal(differs).sum().alias("changed"), *[d.sum().alias(f"cells {c}") for c, d in zip(columns, differs)]).collect(engine="streaming")
print(json.dumps(list(row.row(0))))
"""


def make_versions(rows: int, before: pathlib.Path, after: pathlib.Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)

    def make(ids):
        count = len(ids)
        names = pa.array(random.integers(10**9, 10**10, count)).cast(pa.string())
        return pa.table({"id": ids, "price": np.round(random.normal(100, 20, count), 2), "weight": random.random(count),
                         "stock": random.integers(0, 500, count, dtype=np.int32), "name": names,
                         "at": pa.array(1_767_225_600_000_000 + random.integers(0, 30 * 86_400, count) * 1_000_000, pa.timestamp("us"))})

    old = make(np.arange(rows))
    pq.write_table(old, before)
    kept = old.take(pa.array(random.permutation(rows)[:rows - rows // 200]))
    for column, change in (("price", lambda of: pc.add(of, 1.0)), ("name", lambda of: pc.binary_join_element_wise(of, "x", "")), ("stock", lambda of: pc.add(of, 1))):
        changed = pa.array(random.random(len(kept)) < 0.01 / 3)
        at = kept.schema.get_field_index(column)
        kept = kept.set_column(at, column, pc.if_else(changed, change(kept[column]), kept[column]).cast(kept.schema.field(at).type))
    pq.write_table(pa.concat_tables([kept, make(np.arange(rows, rows + rows // 100))]).combine_chunks(), after)


def measured(command: list) -> dict:
    """What it prints, with seconds, CPU seconds and peak memory."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, preexec_fn=processes.end_with_parent)
    out = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return {"answer": json.loads(out), "seconds": time.perf_counter() - start, "cpu_seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="for the files; kept when they are there")
    parser.add_argument("--only", help="one of slipway, duckdb, polars")
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args()  # ./x bench gives all flags to all benches

    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as scratch:
        folder = pathlib.Path(args.folder or scratch)
        before, after = folder / f"before-{args.rows}.parquet", folder / f"after-{args.rows}.parquet"
        if not after.exists():
            subprocess.run([sys.executable, __file__, "--make", str(args.rows), str(before), str(after)], check=True)
        commands = {"slipway": [processes.BUILD / "slipway", "--json", "diff-files", before, after, "--key", "id", "--threads", "2", "--scratch", scratch],
                    "duckdb": [sys.executable, "-c", DUCKDB, before, after, ",".join(COLUMNS), scratch],
                    "polars": [sys.executable, "-c", POLARS, before, after, ",".join(COLUMNS)]}
        os.environ["POLARS_MAX_THREADS"] = "2"
        results = {name: [] for name in commands if args.only in (None, name)}
        for _ in range(args.rounds):
            for name in results:
                results[name].append(measured(commands[name]))
                if name == "slipway":
                    diff = results[name][-1]["answer"]
                    cells = {column["column"]: column["changed_cells"] for column in diff["columns"]}
                    results[name][-1]["answer"] = [diff["rows"][what] for what in ("added", "removed", "changed")] + [cells[column] for column in COLUMNS]
        answers = {name: runs[0]["answer"] for name, runs in results.items()}
        if len({tuple(answer) for answer in answers.values()}) != 1:
            raise SystemExit(f"the answers are not the same: {answers}")

    median = {name: {what: round(statistics.median(run[what] for run in runs), 2) for what in ("seconds", "cpu_seconds", "megabytes")}
              for name, runs in results.items()}
    ratios = {f"slipway_to_{name}": {what: round(median["slipway"][what] / median[name][what], 2) for what in median[name]}
              for name in median if name != "slipway" and "slipway" in median}
    result = {"bench": "table_diff", **processes.machine(), "rows": args.rows, "rounds": args.rounds, "median": median, **ratios}
    if args.json:
        print(json.dumps(result, indent=1))
        return
    print(f"row diff of two versions of {args.rows} rows, median of {args.rounds}: added, removed, changed, cells {next(iter(answers.values()))}")
    print(f"{'':<10}{'seconds':>10}{'cpu':>10}{'MB':>10}")
    for name, of in median.items():
        print(f"{name:<10}{of['seconds']:>10}{of['cpu_seconds']:>10}{of['megabytes']:>10}")
    for name, of in ratios.items():
        print(f"{name}: {of}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make_versions(int(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]))
    else:
        main()
