"""`slipway monitor report`, beside Evidently's own report on the same files.

Evidently lives in an environment of its own (../evidently_clients/requirements.txt).
"""
import concurrent.futures
import json
import math
import pathlib
import subprocess

import numpy as np
import pandas as pd
import pytest
import requests
from conftest import ROOT
from reports import report, run

CLIENTS = pathlib.Path(__file__).parents[1] / "evidently_clients"
PYTHON = ROOT / ".deps" / "evidently-clients" / "bin" / "python3"


def frames(rows: int, rows_now: int, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every kind of column that a report meets, with and without drift."""
    random = np.random.default_rng(seed)

    def side(n: int, now: bool) -> pd.DataFrame:
        normal = random.normal(size=n)
        return pd.DataFrame({
            "same": random.normal(size=n),
            "shifted": random.normal(0.5 if now else 0, 1, n),
            "scaled": random.normal(0, 1.4 if now else 1, n),
            "heavy": random.standard_cauchy(n) * (1.3 if now else 1),
            "half_empty": np.where(random.random(n) < (0.5 if now else 0.1), np.nan, normal),
            "infinite": np.where(random.random(n) < 0.01, np.inf, normal),
            "frozen": np.full(n, 0.25) if now else normal,
            "three_numbers": random.integers(0, 3, n).astype(float) * (random.random(n) < (0.8 if now else 1)),
            "two_numbers": (random.random(n) < (0.55 if now else 0.5)).astype(float),
            "constant": np.full(n, 7.0),
            "whole": random.poisson(20 + 2 * now, n),
            "few_whole": random.integers(0, 5 + now, n),
            "flag": random.random(n) < (0.3 if now else 0.25),
            "ten": random.choice(list("abcdefghij"), n, p=[0.1] * 10 if not now else [0.17, 0.03] + [0.1] * 8),
            "yes_no": random.choice(["yes", "no"], n),
            "new_category": random.choice(["x", "y", "z"], n, p=[0.5, 0.45, 0.05] if now else [0.5, 0.5, 0]),
            "words_with_gaps": np.where(random.random(n) < 0.2, None, random.choice(["u", "v", "w"], n)),
        })

    return side(rows, False), side(rows_now, True)


def write(folder: pathlib.Path, rows: int = 2000, rows_now: int = 2000) -> tuple[pathlib.Path, pathlib.Path]:
    reference, current = frames(rows, rows_now)
    files = folder / "reference.parquet", folder / "current.parquet"
    reference.to_parquet(files[0])
    current.to_parquet(files[1])
    return files


TITLES = {  # Evidently's own display names
    "ks": "K-S p_value", "wasserstein": "Wasserstein distance (normed)", "jensenshannon": "Jensen-Shannon distance",
    "chisquare": "chi-square p_value", "z": "Z-test p_value",
}


@pytest.mark.parametrize("rows, rows_now", [(2000, 2000), (800, 800), (1000, 3000), (5000, 400), (60, 40)])
def test_evidently_says_the_same(tmp_path, rows, rows_now):
    files = write(tmp_path, rows, rows_now)
    done = subprocess.run([PYTHON, CLIENTS / "report.py", *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = json.loads(done.stdout)
    ours = report(*files, "--method", "evidently")
    columns = {column["column"]: column for column in ours["columns"]}
    assert columns.keys() == theirs["columns"].keys()
    for name, want in theirs["columns"].items():
        got = columns[name]
        assert TITLES[got["method"]] == want["method"], name
        assert got["threshold"] == want["threshold"], name
        assert (got["verdict"] == "drift") == want["drifted"], name
        if math.isnan(want["score"]):
            assert got["score"] is None, name
        else:
            assert got["score"] == pytest.approx(want["score"], rel=1e-9, abs=1e-12), name
    assert ours["columns_drifted"] == theirs["drifted"]
    assert ours["share_drifted"] == pytest.approx(theirs["share"])


def test_the_worst_comes_first_with_what_else_is_different(tmp_path):
    reference, current = write(tmp_path)
    done = run("monitor", "report", reference, current)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("the data set has drifted") or lines[0].endswith("the data set has not drifted")
    verdicts = [line.split()[1] for line in lines[2:]]
    assert verdicts == sorted(verdicts, key=lambda verdict: verdict != "drift")
    found = {column["column"]: column for column in report(reference, current)["columns"]}
    assert found["frozen"]["notes"] == ["one value only: 0.25"]
    assert found["half_empty"]["verdict"] == "no drift"
    assert found["half_empty"]["notes"][0].startswith("missing values: ")
    assert found["new_category"]["verdict"] == "drift"
    assert found["new_category"]["new_categories"]["names"] == ["z"]
    assert found["same"]["verdict"] == found["constant"]["verdict"] == "no drift"
    for column in found.values():
        drawn = column["histogram"]
        assert sum(drawn["reference"]) == pytest.approx(1)
        assert len(drawn["reference"]) == len(drawn["current"]) == (len(drawn["labels"]) if "labels" in drawn else len(drawn["edges"]) - 1)


def test_csv_is_compared_as_parquet_is(tmp_path):
    files = write(tmp_path)
    tables = []
    for file in files:
        tables.append(file.with_suffix(".csv"))
        pd.read_parquet(file).to_csv(tables[-1], index=False)
    parquet, csv = report(*files), report(*tables)
    for one in (parquet, csv):
        one.pop("reference"), one.pop("current")
    assert csv == parquet


def test_the_page_needs_nobody_and_has_the_numbers(tmp_path):
    files = write(tmp_path)
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    done = run("monitor", "report", *files, "--out", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "http:" not in text and "https:" not in text and "src=" not in text and "<script" not in text
    assert "prefers-color-scheme:dark" in text and "@media print" in text
    assert run("monitor", "report", *files, "--out", data).returncode == 0
    for column in json.loads(data.read_text())["columns"]:
        assert f"<strong>{column['column']}</strong>" in text
        assert f">{column['threshold']:.4g}<" in text
    assert text.count("<svg") == len(json.loads(data.read_text())["columns"])


def test_mistakes_are_told(tmp_path):
    reference, current = write(tmp_path)

    def refused(*arguments) -> str:
        done = run("monitor", "report", *arguments)
        assert done.returncode not in (0, 3), done.stdout
        return done.stderr

    assert "no such file" in refused(tmp_path / "none.parquet", current)
    assert "no such drift method: method=kss" in refused(reference, current, "--method", "kss")
    assert "the drift method takes no categories: method=ks column=" in refused(reference, current, "--method", "ks")
    assert "the reference data has no such column: column=salary" in refused(reference, current, "--columns", "same,salary")
    assert ".html or .json" in refused(reference, current, "--out", tmp_path / "report.pdf")
    assert "both must be files" in refused(reference, "dataset:flights")
    empty = tmp_path / "empty.parquet"
    pd.read_parquet(reference).iloc[:0].to_parquet(empty)
    assert "the current data has no rows" in refused(reference, empty)
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(reference.read_bytes()[:-100])
    assert "parquet" in refused(cut, current)
    other = tmp_path / "other.parquet"
    pd.DataFrame({"other": [1.0]}).to_parquet(other)
    assert "no column in common" in refused(reference, other)
    # Another type is a finding, not a mistake.
    texts = tmp_path / "texts.parquet"
    pd.read_parquet(current).astype({"same": str}).to_parquet(texts)
    first = report(reference, texts)["columns"][0]
    assert (first["column"], first["verdict"]) == ("same", "changed")
    assert first["notes"] == ["another type: double before, string now"]


def test_a_pipeline_can_stop_on_drift(tmp_path):
    reference, current = write(tmp_path)
    assert run("monitor", "report", reference, reference, "--fail-on-drift").returncode == 0
    assert run("monitor", "report", reference, current, "--fail-on-drift", "--drift-share", "0.1").returncode == 3
    assert report(reference, current, "--columns", "same,ten", "--numeric-method", "t_test", "--categorical-method", "TVD")["columns_compared"] == 2


def test_the_server_makes_one_report_at_a_time_of_so_many_rows(start_server, tmp_path):
    server = start_server("data", "--drift-rows-max", "2000")
    random = np.random.default_rng(3)
    for name, rows in (("some", 2000), ("more", 2001)):
        frame = pd.DataFrame({f"x{i}": random.normal(size=rows) for i in range(6)})
        frame.assign(id=range(rows), at=pd.Timestamp("2024-01-01", tz="UTC")).to_parquet(tmp_path / f"{name}.parquet")
    datasets = "\n".join(f"  {name}: {{path: {name}.parquet, key: [id], event_time: at}}" for name in ("some", "more"))
    (tmp_path / "slipway.yaml").write_text(f"project: p\ndatasets:\n{datasets}\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    for name in ("some", "more"):
        server.cli("data", "ingest", name)
    done = server.cli("monitor", "report", "dataset:some", "dataset:more", check=False)
    assert done.returncode == 1 and "drift-rows-max" in done.stderr and "rows=2001" in done.stderr

    def ask(columns: str) -> requests.Response:
        body = {"reference": "dataset:some", "current": "dataset:some", "columns": columns.split(), "method": "empirical_mmd"}
        return requests.post(f"{server.url}/slipway/v1/drift", json=body, timeout=300)

    def ask_until_taken(columns: str) -> requests.Response:
        while (reply := ask(columns)).status_code == 429:
            pass
        return reply

    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(ask_until_taken, "x0 x1 x2 x3 x4 x5")  # takes seconds
        statuses = set()
        while not first.done():
            second = ask("x0")
            statuses.add(second.status_code)
            if second.status_code == 429:
                assert "another drift report" in second.text
        assert first.result().status_code == 200 and statuses - {200} == {429}
    assert ask("x0").json()["columns_compared"] == 1
