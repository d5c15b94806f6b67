"""What is different between two versions of a table: `slipway diff-files` and `slipway datasets diff`. pandas makes the rows and says what is right."""
import json
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from conftest import BINARY

ROWS = 200_000
VALUES = ["price", "weight", "stock", "name", "at"]


def make_rows(random: np.random.Generator, ids: np.ndarray) -> pd.DataFrame:
    count = len(ids)
    price = random.normal(100, 20, count)
    price[random.random(count) < 0.02] = np.nan
    return pd.DataFrame({"id": ids, "price": price, "weight": random.random(count), "stock": random.integers(0, 500, count, dtype=np.int32),
                         "name": [f"item-{n:06}" for n in random.integers(0, 900_000, count)],
                         "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 86_400 * 30, count), unit="s")})


def next_version(random: np.random.Generator, before: pd.DataFrame) -> pd.DataFrame:
    """1 % of rows are changed in a column or two, some go, some come, all are in another order."""
    after = before.drop(random.choice(before.index, len(before) // 200, replace=False)).reset_index(drop=True)
    for column, change in (("price", lambda old: old + 1), ("name", lambda old: old + "!"), ("at", lambda old: old + pd.Timedelta("1s"))):
        rows = random.choice(after.index, len(after) // 300, replace=False)
        after.loc[rows, column] = change(after.loc[rows, column])
    more = make_rows(random, np.arange(ROWS, ROWS + ROWS // 100))
    return pd.concat([after, more]).sample(frac=1, random_state=7).reset_index(drop=True)[["name", "at", "id", "price", "weight", "stock"]]


def right_answer(before: pd.DataFrame, after: pd.DataFrame) -> dict:
    both = before.merge(after, on="id", how="outer", suffixes=("", "_after"), indicator=True)
    kept = both[both["_merge"] == "both"]
    cells = {}
    changed = pd.Series(False, index=kept.index)
    for column in VALUES:
        old, new = kept[column], kept[column + "_after"]
        differs = ~((old == new) | (old.isna() & new.isna()))
        cells[column] = int(differs.sum())
        changed |= differs
    return {"added": int((both["_merge"] == "right_only").sum()), "removed": int((both["_merge"] == "left_only").sum()), "changed": int(changed.sum()),
            "unchanged": int((~changed).sum()), "cells": cells}


@pytest.fixture(scope="module")
def versions():
    random = np.random.default_rng(5)
    before = make_rows(random, random.permutation(ROWS))
    return before, next_version(random, before)


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=300)


def found(done: subprocess.CompletedProcess) -> dict:
    assert done.returncode in (0, 1) and done.stdout, done.stderr
    diff = json.loads(done.stdout)
    cells = {column["column"]: column["changed_cells"] for column in diff["columns"] if column["column"] != "id"}
    return {"diff": diff, "answer": {name: diff["rows"][name] for name in ("added", "removed", "changed", "unchanged")} | {"cells": cells}}


@pytest.mark.parametrize("memory", ["256", "1"])
def test_files_differ_as_pandas_says(versions, tmp_path, memory):
    before, after = versions
    before.to_parquet(tmp_path / "before.parquet", row_group_size=50_000)
    after.to_parquet(tmp_path / "after.parquet", row_group_size=70_000)
    answer = found(run("--json", "diff-files", str(tmp_path / "before.parquet"), str(tmp_path / "after.parquet"), "--key", "id", "--memory", memory,
                       "--scratch", str(tmp_path)))
    assert answer["answer"] == right_answer(before, after)
    diff = answer["diff"]
    assert not diff["same"] and diff["schema"] == {"added": [], "removed": [], "types": []}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after.parquet", "before.parquet"]

    old, new = before.set_index("id"), after.set_index("id")
    assert len(diff["examples"]["changed"]) == 10
    for example in diff["examples"]["changed"]:
        key = example["key"]["id"]
        assert example["cells"]
        for cell in example["cells"]:
            for version, side in ((old, "before"), (new, "after")):
                value = version.loc[key, cell["column"]]
                told = cell[side]
                if cell["column"] == "at":
                    assert pd.Timestamp(told).tz_convert(None) == value
                else:
                    assert told == value
    for example in diff["examples"]["added"]:
        assert example["id"] >= ROWS and example["name"] == new.loc[example["id"], "name"]
    for example in diff["examples"]["removed"]:
        assert example["id"] in old.index and example["id"] not in new.index

    price = next(column for column in diff["columns"] if column["column"] == "price")
    for version, side in ((before, "before"), (after, "after")):
        assert price[side]["missing"] == version["price"].isna().sum()
        assert price[side]["mean"] == pytest.approx(version["price"].mean())
        assert price[side]["min"] == version["price"].min() and price[side]["max"] == version["price"].max()
        assert price[side]["distinct"] == pytest.approx(version["price"].nunique(), rel=0.06)
    assert price["drift"]["value"] < 0.02


def test_csv_beside_parquet(versions, tmp_path):
    before, after = versions
    before.to_csv(tmp_path / "before.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    after.to_parquet(tmp_path / "after.parquet")
    answer = found(run("--json", "diff-files", str(tmp_path / "before.csv"), str(tmp_path / "after.parquet"), "--key", "id"))
    assert answer["answer"] == right_answer(before, after)
    assert answer["diff"]["schema"]["types"] == []


def test_exit_code_and_text(tmp_path):
    pd.DataFrame({"id": [1, 2, 3], "x": [1, 2, 3], "gone": 0}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"id": [3, 2, 4], "x": [3.0, 2.5, 9.0], "new": "n"}).to_parquet(tmp_path / "b.parquet")
    a, b = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    told = run("diff-files", a, b, "--key", "id", "--exit-code")
    assert told.returncode == 1
    for line in ("  + new string", "  - gone int64", "  ~ x int64 -> double", "  1 added, 1 removed, 1 changed, 1 unchanged", "  ~ id=2  x: 2 -> 2.5"):
        assert line in told.stdout.splitlines(), told.stdout
    assert run("diff-files", a, b, "--key", "id").returncode == 0
    same = run("diff-files", a, a, "--key", "id", "--exit-code")
    assert same.returncode == 0 and ": the same" in same.stdout

    wrong = run("diff-files", a, b, "--key", "ID")
    assert wrong.returncode == 1 and not wrong.stdout
    assert "column=ID" in wrong.stderr and "columns=id,x,gone" in wrong.stderr
    missing = run("diff-files", a, str(tmp_path / "none.parquet"))
    assert missing.returncode != 0 and "none.parquet" in missing.stderr


def test_what_has_no_place_in_a_table_is_left_out(tmp_path):
    pq.write_table(pa.table({"tags": [[1], [2, 3]], "id": [1, 2], "x": ["a", "b"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"tags": [[1], [4]], "id": [1, 2], "x": ["a", "c"]}), tmp_path / "b.parquet")
    diff = found(run("--json", "diff-files", str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet"), "--key", "id"))["diff"]
    assert diff["rows"]["changed"] == 1 and diff["examples"]["changed"][0]["cells"] == [{"column": "x", "before": "b", "after": "c"}]
    assert any("tags" in note for note in diff["notes"])


PROJECT = """
project: tables
datasets:
  items:
    path: items.parquet
    key: [id]
"""


def test_versions_of_a_dataset(start_server, tmp_path):
    server = start_server("data")
    (tmp_path / "slipway.yaml").write_text(PROJECT)
    frames = [pd.DataFrame({"id": [1, 2, 3], "x": [1.0, 2.0, np.nan]}), pd.DataFrame({"id": [3, 2, 4], "x": [np.nan, 2.5, 9.0]}),
              pd.DataFrame({"id": [3, 2], "x": [np.nan, 2.5]})]
    frames[0].to_parquet(tmp_path / "items.parquet")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    server.cli("data", "ingest", "items")
    first = server.cli("datasets", "diff", "items", check=False)
    assert first.returncode != 0 and "no version before" in first.stderr
    for frame in frames[1:]:
        frame.to_parquet(tmp_path / "items.parquet")
        server.cli("data", "ingest", "items")

    def rows(*arguments):
        diff = json.loads(server.cli("--json", "datasets", "diff", "items", *arguments).stdout)
        return [diff["before"], diff["after"]] + [diff["rows"][name] for name in ("added", "removed", "changed", "unchanged")]

    assert rows() == ["items@2", "items@3", 0, 1, 0, 2]  # the two newest, by the declared key
    assert rows("1") == ["items@1", "items@3", 0, 1, 1, 1]
    assert rows("1", "2") == ["items@1", "items@2", 1, 1, 1, 1]
    assert rows("1", "2", "--without-key") == ["items@1", "items@2", 2, 2, 0, 1]
    assert rows("1", "2", "--key", "x") == ["items@1", "items@2", 2, 2, 0, 1]
    assert server.cli("datasets", "diff", "items", "--exit-code", check=False).returncode == 1
    assert server.cli("datasets", "diff", "items", "3", "3", "--exit-code").returncode == 0
    assert "~ id=2  x: 2 -> 2.5" in server.cli("datasets", "diff", "items", "1", "2").stdout

    url = f"{server.url}/slipway/v1/datasets"
    for path, status, says in (("items/diff?from=9", 404, "version 9"), ("none/diff", 404, "dataset=none"), ("items/diff?key=y", 400, "column=y"),
                               ("items/diff?examples=100000", 400, "examples"), ("items/diff?from=x", 400, "from")):
        reply = requests.get(f"{url}/{path}", timeout=30)
        assert reply.status_code == status and says in reply.text, reply.text
    described = requests.get(f"{server.url}/slipway/v1/openapi.json", timeout=60).json()
    assert "get" in described["paths"]["/slipway/v1/datasets/{name}/diff"]
