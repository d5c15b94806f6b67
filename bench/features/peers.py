"""One training set made by a peer, in a process of its own: prints what it cost as one line of JSON.

    peers.py polars|duckdb latest|windows FOLDER OUT
"""
import json
import pathlib
import resource
import sys
import time


def polars_latest(folder: pathlib.Path, out: pathlib.Path) -> None:
    import polars

    events = polars.scan_parquet(folder / "events.parquet").select("key", "event_time", "a", "b", "c", "d").sort("event_time")
    entities = polars.scan_parquet(folder / "entities.parquet").select("row_id", "key", "asked_at").sort("asked_at")
    joined = entities.join_asof(events, left_on="asked_at", right_on="event_time", by="key", tolerance="48h")
    joined.select("row_id", "asked_at", "a", "b", "c", "d").collect().write_parquet(out)


LATEST = """
COPY (
  SELECT row_id, asked_at,
         CASE WHEN fresh THEN a END AS a, CASE WHEN fresh THEN b END AS b, CASE WHEN fresh THEN c END AS c, CASE WHEN fresh THEN d END AS d
  FROM (SELECT q.row_id, q.asked_at, e.*, q.asked_at - e.event_time <= INTERVAL 48 HOUR AS fresh
        FROM '{folder}/entities.parquet' q ASOF LEFT JOIN '{folder}/events.parquet' e ON q.key = e.key AND q.asked_at >= e.event_time)
) TO '{out}' (FORMAT parquet)"""

WINDOWS = """
COPY (
  SELECT q.row_id, any_value(q.asked_at) AS asked_at,
         sum(a) FILTER (e.event_time > q.asked_at - INTERVAL 1 HOUR) AS sum_a_1h,
         sum(a) FILTER (e.event_time > q.asked_at - INTERVAL 24 HOUR) AS sum_a_24h, sum(a) AS sum_a_7d,
         avg(b) FILTER (e.event_time > q.asked_at - INTERVAL 1 HOUR) AS mean_b_1h,
         avg(b) FILTER (e.event_time > q.asked_at - INTERVAL 24 HOUR) AS mean_b_24h, avg(b) AS mean_b_7d,
         count(e.key) FILTER (e.event_time > q.asked_at - INTERVAL 1 HOUR) AS n_1h,
         count(e.key) FILTER (e.event_time > q.asked_at - INTERVAL 24 HOUR) AS n_24h, count(e.key) AS n_7d
  FROM '{folder}/entities.parquet' q
  LEFT JOIN '{folder}/events.parquet' e
    ON q.key = e.key AND e.event_time <= q.asked_at AND e.event_time > q.asked_at - INTERVAL 168 HOUR
  GROUP BY q.row_id
) TO '{out}' (FORMAT parquet)"""


def duckdb(sql: str):
    def run(folder: pathlib.Path, out: pathlib.Path) -> None:
        import duckdb

        duckdb.sql("SET enable_progress_bar = false")
        duckdb.sql(sql.format(folder=folder, out=out))

    return run


JOBS = {("polars", "latest"): polars_latest, ("duckdb", "latest"): duckdb(LATEST), ("duckdb", "windows"): duckdb(WINDOWS)}

if __name__ == "__main__":
    name, job, folder, out = sys.argv[1:]
    __import__(name)  # what is timed begins when the library is there
    cpu, wall = time.process_time(), time.perf_counter()
    JOBS[name, job](pathlib.Path(folder), pathlib.Path(out))
    print(json.dumps({"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall,
                      "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
