"""The same runs in both databases, by SQL: a hundred thousand runs through MLflow's API would take half an hour.

A run has 5 parameters, 4 tags and as many metrics as asked for, each logged once. Both servers find the runs as if a client had logged
them; that both give the same answers is checked before anything is measured.
"""
import pathlib
import sqlite3

import numpy

START_MS = 1_700_000_000_000
CHUNK = 20_000
TEAMS = ["vision", "speech", "ranking", "fraud"]
OPTIMIZERS = ["adam", "sgd", "lamb"]


class Runs:
    """Everything about runs number `first` to `first + count - 1`, from the number alone."""

    def __init__(self, first: int, count: int, metrics: int):
        self.numbers = numpy.arange(first, first + count)
        random = numpy.random.default_rng(first)
        self.ids = [f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}{n:016x}" for n in range(first, first + count)]
        self.starts = START_MS + self.numbers * 1000
        self.values = random.random((count, metrics))
        self.missing = random.random(count) < 0.1  # a tenth of the runs ended before metric 0

    def params(self, i: int) -> list:
        n = int(self.numbers[i])
        return [("lr", str(10.0 ** -(n % 5))), ("depth", str(n % 12)), ("optimizer", OPTIMIZERS[n % 3]), ("batch_size", str(2 ** (4 + n % 6))),
                ("seed", str(n))]

    def tags(self, i: int) -> list:
        n = int(self.numbers[i])
        return [("mlflow.runName", f"run-{n}"), ("mlflow.user", f"user{n % 20}"), ("mlflow.source.name", "train.py"), ("team", TEAMS[n % 4])]


def chunks(runs: int, metrics: int):
    for first in range(1, runs + 1, CHUNK):
        yield Runs(first, min(CHUNK, runs + 1 - first), metrics)


def fast(path: pathlib.Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=OFF")
    return db


def zigzag(value: int) -> list[int]:
    """A varint as docs in src/tracking/metric_points.h have it."""
    value, out = value * 2, []
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return [*out, value]


def packed(runs: Runs, first_key: int) -> list[bytes]:
    """One frame a run, its points of one moment (src/tracking/metric_points.h); without metric 0 where that is missing."""
    count, metrics = runs.values.shape

    def frames(from_metric: int):
        head = [metrics - from_metric, *zigzag(first_key + from_metric), *zigzag(START_MS), *zigzag(0)]
        width = 3 + 8
        out = numpy.zeros((count, len(head) + 8 + (metrics - from_metric - 1) * width), numpy.uint8)
        out[:, :len(head)] = head
        at = len(head)
        for m in range(from_metric, metrics):
            if m > from_metric:
                out[:, at:at + 3] = [2, 0, 0]
                at += 3
            out[:, at:at + 8] = runs.values[:, m].copy().view(numpy.uint8).reshape(count, 8)
            at += 8
        return [row.tobytes() for row in out]

    return [without if gone else whole for whole, without, gone in zip(frames(0), frames(1), runs.missing)]


def fill_slipway(path: pathlib.Path, runs: int, metrics: int) -> None:
    """Into the database of a Slipway server that was started once and is stopped."""
    db = fast(path)
    db.executemany("INSERT INTO metric_keys(number, name) VALUES(?, ?)", [(m + 1, f"metric_{m}") for m in range(metrics)])
    for part in chunks(runs, metrics):
        numbers, starts = part.numbers.tolist(), part.starts.tolist()
        db.executemany(
            "INSERT INTO runs(number, id, experiment, name, \"user\", status, start_ms, end_ms, artifact_uri) VALUES(?, ?, 0, ?, ?, ?, ?, ?, ?)",
            [(n, id_, f"run-{n}", f"user{n % 20}", 3 if n % 10 == 0 else 2, start, start + 500, f"mlflow-artifacts:/0/{id_}/artifacts")
             for n, id_, start in zip(numbers, part.ids, starts)])
        db.executemany("INSERT INTO run_params(run, key, value) VALUES(?, ?, ?)", [(n, *p) for i, n in enumerate(numbers) for p in part.params(i)])
        db.executemany("INSERT INTO run_tags(run, key, value) VALUES(?, ?, ?)", [(n, *t) for i, n in enumerate(numbers) for t in part.tags(i)])
        db.executemany("INSERT INTO metric_tail(run, number, points, unfolded, data) VALUES(?, 1, ?, ?, ?)",
                       [(n, metrics - gone, metrics - gone, data) for n, gone, data in zip(numbers, part.missing.tolist(), packed(part, 1))])
        db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def fill_mlflow(path: pathlib.Path, runs: int, metrics: int) -> None:
    """Into a database that `mlflow db upgrade` has made, with the default experiment 0."""
    db = fast(path)
    for part in chunks(runs, metrics):
        numbers, starts = part.numbers.tolist(), part.starts.tolist()
        db.executemany(
            "INSERT INTO runs(run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id) "
            "VALUES(?, ?, 'LOCAL', ?, ?, ?, ?, 'active', ?, 0)",
            [(id_, f"run-{n}", f"user{n % 20}", "FAILED" if n % 10 == 0 else "FINISHED", start, start + 500, f"mlflow-artifacts:/0/{id_}/artifacts")
             for n, id_, start in zip(numbers, part.ids, starts)])
        db.executemany("INSERT INTO params(run_uuid, key, value) VALUES(?, ?, ?)", [(part.ids[i], *p) for i in range(len(numbers)) for p in part.params(i)])
        db.executemany("INSERT INTO tags(run_uuid, key, value) VALUES(?, ?, ?)", [(part.ids[i], *t) for i in range(len(numbers)) for t in part.tags(i)])
        points = [(f"metric_{m}", value, START_MS, part.ids[i], 0, False) for i, values in enumerate(part.values.tolist())
                  for m, value in enumerate(values) if m > 0 or not part.missing[i]]
        for table in ("metrics", "latest_metrics"):
            db.executemany(f"INSERT INTO {table}(key, value, timestamp, run_uuid, step, is_nan) VALUES(?, ?, ?, ?, ?, ?)", points)
        db.commit()
    db.execute("PRAGMA journal_mode=DELETE")  # what MLflow uses
    db.close()
