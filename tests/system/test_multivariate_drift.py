"""Columns compared together, beside NannyML on the same files.

NannyML lives in an environment of its own (../monitor_clients/requirements.txt).
"""
import json
import pathlib
import subprocess

import numpy as np
import pandas as pd
import pytest
import requests
from conftest import ROOT
from reports import report, run

PYTHON = ROOT / ".deps" / "monitor-clients" / "bin" / "python3"
CLIENT = ROOT / "tests" / "monitor_clients" / "multivariate.py"


def trips(seed: int, rows: int, kind: str) -> pd.DataFrame:
    """Columns that follow from each other; what `kind` does to them no column shows alone, but for "moved"."""
    random = np.random.default_rng(seed)
    distance = random.gamma(3, 2, rows)
    hours = distance / 8 + random.normal(0, 0.1, rows)
    frame = pd.DataFrame({
        "distance": distance, "hours": np.where(random.random(rows) < 0.05, np.nan, hours), "price": 4 * distance + random.normal(0, 1, rows),
        "size": random.integers(1, 6, rows), "night": random.random(rows) < 0.3,
        "city": random.choice(["york", "leeds", "hull", None], rows, p=[0.6, 0.25, 0.1, 0.05]), "load": random.normal(0, 1, rows),
    })
    if kind == "joined wrongly":
        frame["price"] = np.roll(frame["price"], 1)
    if kind == "moved":
        frame["load"] += 1
    return frame


def write(folder: pathlib.Path, kind: str, rows: int = 4000, rows_now: int = 2500) -> list[pathlib.Path]:
    files = [folder / "reference.parquet", folder / "current.parquet"]
    trips(1, rows, "").to_parquet(files[0])
    trips(2, rows_now, kind).to_parquet(files[1])
    return files


@pytest.mark.parametrize("kind", ["same", "joined wrongly", "moved"])
def test_nannyml_says_the_same(tmp_path, kind):
    files = write(tmp_path, kind)
    done = subprocess.run([PYTHON, CLIENT, *files], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = json.loads(done.stdout)
    errors, domains, kernels = report(*files, "--multivariate", "reconstruction_error,domain_classifier,mmd")["multivariate"]
    assert errors["reference_chunks"] == pytest.approx(theirs["reconstruction"]["reference"], rel=1e-9)
    assert errors["current_chunks"] == pytest.approx(theirs["reconstruction"]["current"], rel=1e-9)
    assert (errors["low"], errors["high"]) == pytest.approx((theirs["reconstruction"]["low"], theirs["reconstruction"]["high"]), rel=1e-9)
    for chunk, alert in zip(errors["current_chunks"], theirs["reconstruction"]["alerts"]):
        assert (not errors["low"] < chunk < errors["high"]) == alert
    assert domains["score"] == pytest.approx(theirs["auc"], abs=0.02)
    assert domains["drifted"] == theirs["auc_alert"] == (kind != "same")
    assert (domains["low"], domains["high"]) == (0.45, 0.65)
    assert kernels["drifted"] == (kind != "same") and kernels["low"] == 0.05
    if kind == "joined wrongly":
        assert errors["drifted"] and {"price", "distance"} & {cause["column"] for cause in errors["causes"][:2]}
        assert {cause["column"] for cause in domains["causes"][:3]} >= {"price", "distance"}
    if kind == "moved":
        assert domains["causes"][0]["column"] == "load"


def kernel_discrepancy(reference: np.ndarray, current: np.ndarray) -> float:
    """alibi-detect 0.13's sigma_median, GaussianRBF and mmd2_from_kernel_matrix, in numpy."""
    def squares(a, b):
        return ((a[:, None] - b[None]) ** 2).sum(2)

    n = len(reference)
    distances = np.sort(squares(reference, reference).ravel())
    sigma = np.sqrt(0.5 * distances[n + (n * n - n) // 2 - 1])

    def kernel(a, b):
        return np.exp(-squares(a, b) / (2 * sigma**2))

    within, other = kernel(reference, reference), kernel(current, current)
    np.fill_diagonal(within, 0), np.fill_diagonal(other, 0)
    m = len(current)
    return within.sum() / (n * (n - 1)) + other.sum() / (m * (m - 1)) - 2 * kernel(current, reference).mean()


def test_the_discrepancy_is_alibi_detects(tmp_path):
    files = write(tmp_path, "joined wrongly", 400, 300)
    sides = [pd.read_parquet(file)[["distance", "price"]].to_numpy() for file in files]
    mean, deviation = sides[0].mean(0), sides[0].std(0)
    found = report(*files, "--columns", "distance,price", "--multivariate", "mmd")["multivariate"][0]
    assert found["statistic"] == pytest.approx(kernel_discrepancy(*[(side - mean) / deviation for side in sides]), rel=1e-9)


def test_it_is_told_and_can_stop_a_pipeline(tmp_path):
    files = write(tmp_path, "joined wrongly")
    assert run("monitor", "report", *files, "--fail-on-drift").returncode == 0
    page = tmp_path / "report.html"
    done = run("monitor", "report", *files, "--multivariate", "domain_classifier,reconstruction_error=99", "--fail-on-drift", "--out", page)
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].startswith("all columns together, domain_classifier: AUC 0.") and ", drift; it lies in " in lines[1]
    assert lines[2].startswith("all columns together, reconstruction_error: error ") and ", no drift" in lines[2]
    assert "All columns together, by Domain classifier: AUC" in page.read_text()
    # A side is as many rows as may be, the same ones every time.
    some = [report(*files, "--multivariate", "domain_classifier", "--rows-together", "500")["multivariate"][0] for _ in range(2)]
    assert some[0] == some[1] and some[0]["reference_rows"] == some[0]["current_rows"] == 500


def test_mistakes_are_told(tmp_path):
    reference, current = write(tmp_path, "same")

    def refused(*arguments) -> str:
        done = run("monitor", "report", *arguments)
        assert done.returncode not in (0, 3), done.stdout
        return done.stderr

    assert "no such multivariate method: method=pca known=reconstruction_error, " in refused(reference, current, "--multivariate", "pca")
    assert "a threshold is a number: mmd=much" in refused(reference, current, "--multivariate", "mmd=much")
    few = tmp_path / "few.parquet"
    pd.read_parquet(current).iloc[:49].to_parquet(few)
    assert "too few rows to compare columns together: current_rows=49 at least=50" in refused(reference, few, "--multivariate", "mmd")
    dull = tmp_path / "dull.parquet"
    pd.read_parquet(reference)[["city"]].assign(city="york").to_parquet(dull)
    assert "city is left out: one value only" in refused(dull, dull, "--multivariate", "mmd")
    # A column of another type is left out, and said.
    texts = tmp_path / "texts.parquet"
    pd.read_parquet(current).astype({"price": str}).to_parquet(texts)
    found = report(reference, texts, "--multivariate", "domain_classifier")["multivariate"][0]
    assert "price is left out: double before, string now" in found["notes"] and "price" not in found["columns"]


def test_the_server_compares_together_too(start_server, tmp_path):
    server = start_server("data")
    for name, kind in (("before", ""), ("now", "joined wrongly")):
        frame = trips(1 if kind == "" else 2, 3000, kind)
        frame.assign(id=range(len(frame)), at=pd.Timestamp("2024-01-01", tz="UTC")).to_parquet(tmp_path / f"{name}.parquet")
    datasets = "\n".join(f"  {name}: {{path: {name}.parquet, key: [id], event_time: at}}" for name in ("before", "now"))
    (tmp_path / "slipway.yaml").write_text(f"project: p\ndatasets:\n{datasets}\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    for name in ("before", "now"):
        server.cli("data", "ingest", name)
    columns = "distance,hours,price,load"
    done = server.cli("monitor", "report", "dataset:before", "dataset:now", "--columns", columns, "--multivariate", "reconstruction_error,mmd")
    assert "all columns together, reconstruction_error: error " in done.stdout and ", drift; it lies in " in done.stdout
    # The same as of files.
    of_server = json.loads(server.cli("--json", "monitor", "report", "dataset:before", "dataset:now", "--columns", columns, "--multivariate", "mmd").stdout)
    of_files = report(tmp_path / "before.parquet", tmp_path / "now.parquet", "--columns", columns, "--multivariate", "mmd")
    assert of_server["multivariate"] == of_files["multivariate"]
    body = {"reference": "dataset:before", "current": "dataset:now", "multivariate": [{"method": "mmd"}], "rows_together": 1_000_000}
    refused = requests.post(f"{server.url}/slipway/v1/drift", json=body, timeout=60)
    assert refused.status_code == 400 and "rows_together must be 50 to 100000" in refused.text
    body["multivariate"] = "mmd"
    assert requests.post(f"{server.url}/slipway/v1/drift", json=body, timeout=60).status_code == 400
