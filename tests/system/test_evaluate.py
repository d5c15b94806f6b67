"""`slipway models evaluate`: what a model is worth beyond one number, beside scikit-learn and xgboost, and as checks of `slipway ci`."""
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import sklearn.metrics
import xgboost
from conftest import BINARY
from test_ci import change, ci, git

INPUTS = ["distance", "hour", "pay"]


def evaluate(*flags, **options) -> dict:
    done = subprocess.run([BINARY, "--json", "models", "evaluate", *map(str, flags)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    rng, n = np.random.default_rng(3), 4000
    rows = pd.DataFrame({"distance": rng.gamma(2, 500, n).round(), "hour": rng.integers(0, 24, n), "pay": rng.normal(50, 10, n), "sex": rng.choice(["f", "m"], n),
                         "city": rng.choice(["NYC", "BOS", "SFO"], n)})
    rows["late"] = (rng.random(n) < 1 / (1 + np.exp(2 - 0.08 * rows.hour - 0.001 * rows.distance - 0.5 * (rows.sex == "m")))).astype(int)
    rows.loc[n - 5, "pay"] = np.nan
    train, rest = rows[:2000], rows[2000:].reset_index(drop=True)
    model = xgboost.train({"max_depth": 4, "objective": "binary:logistic"}, xgboost.DMatrix(train[INPUTS].astype(float), train.late), 30)
    model.save_model(folder / "model.json")
    rest.assign(number=np.arange(len(rest), dtype="uint64"), many=[[1, 2]] * len(rest)).to_parquet(folder / "rows.parquet")  # types that no table has, which nobody asks for
    answer = lambda frame: model.predict(xgboost.DMatrix(frame[INPUTS].astype(float)))
    return folder, rest, answer


def test_metrics_slices_fairness_and_robustness(shop):
    folder, rows, answer = shop
    got = evaluate(folder / "model.json", "--rows", folder / "rows.parquet", "--label", "late", "--slices", "city", "--fairness", "sex", "--robustness", "noise,missing,scaled",
                   "--threshold", "0.4", "--out", folder / "out.json")
    assert json.loads((folder / "out.json").read_text()) == got
    chance = answer(rows)
    says = (chance >= 0.4).astype(int)
    metrics = got["metrics"]
    assert metrics["auc"] == pytest.approx(sklearn.metrics.roc_auc_score(rows.late, chance), abs=1e-6)
    assert metrics["recall"] == pytest.approx(sklearn.metrics.recall_score(rows.late, says), abs=1e-9)
    assert metrics["log_loss"] == pytest.approx(sklearn.metrics.log_loss(rows.late, chance.astype(float)), abs=1e-6)
    assert set(got["slices"]["city"]) == {"NYC", "BOS", "SFO"}
    boston = rows.city == "BOS"
    assert got["slices"]["city"]["BOS"]["rows"] == boston.sum()
    assert got["slices"]["city"]["BOS"]["auc"] == pytest.approx(sklearn.metrics.roc_auc_score(rows.late[boston], chance[boston]), abs=1e-6)
    fair = got["fairness"]["sex"]
    rates = {s: (says[m := rows.sex == s].mean(), says[m & (rows.late == 1)].mean(), says[m & (rows.late == 0)].mean()) for s in ("f", "m")}
    assert fair["demographic_parity_difference"] == pytest.approx(abs(rates["f"][0] - rates["m"][0]))
    assert fair["equalized_odds_difference"] == pytest.approx(max(abs(rates["f"][1] - rates["m"][1]), abs(rates["f"][2] - rates["m"][2])))
    scaled = answer(rows.assign(distance=rows.distance * 1.1, hour=(rows.hour * 1.1).round(), pay=rows.pay * 1.1))
    tough = got["robustness"]["scaled"]
    assert tough["answers_changed"] == pytest.approx(((scaled >= 0.4) != (chance >= 0.4)).mean(), abs=1e-3)
    assert tough["change"]["auc"] == pytest.approx(sklearn.metrics.roc_auc_score(rows.late, scaled) - metrics["auc"], abs=1e-3)
    assert 0 < got["robustness"]["noise"]["answers_changed"] < 0.5 and got["robustness"]["missing"]["change"]["auc"] < 0
    assert 0 < got["latency_ms"]["p50"] <= got["latency_ms"]["p99"] and got["bytes"] == (folder / "model.json").stat().st_size
    again = evaluate(folder / "model.json", "--rows", folder / "rows.parquet", "--label", "late", "--robustness", "noise,missing,scaled", "--threshold", "0.4", "--latency-rows", "0")
    assert again["robustness"] == got["robustness"], "the same seed disturbs the same"


def test_behaviour_is_counted_as_xgboost_answers(shop):
    folder, rows, answer = shop
    (folder / "tests.yaml").write_text("""
tests:
  - {name: further is not safer, change: {distance: "*1.5"}, expect: not_lower, tolerance: 0.02}
  - {name: pay means little, change: {pay: 10}, expect: same, tolerance: 0.1}
  - {name: midnight flight, given: {distance: 3000, hour: 23, pay: 50}, expect: {min: 0.5}}
  - {name: impossible, given: {distance: 3000, hour: 23, pay: 50}, expect: {min: 2}}
""")
    told = evaluate(folder / "model.json", "--rows", folder / "rows.parquet", "--label", "late", "--behaviour", folder / "tests.yaml")["behaviour"]
    before = answer(rows)
    further = answer(rows.assign(distance=rows.distance * 1.5))
    assert told["further is not safer"]["failed"] == (further < before - 0.02).sum()
    cheap = answer(rows.assign(pay=10.0))
    assert told["pay means little"]["failed"] == (np.abs(cheap - before) > 0.1).sum()
    first = told["pay means little"]["first"][0]
    assert first["before"] == pytest.approx(float(before[first["row"]]), abs=1e-6) and first["after"] == pytest.approx(float(cheap[first["row"]]), abs=1e-6)
    assert (told["midnight flight"]["failed"], told["impossible"]["failed_share"]) == (0, 1.0)
    (folder / "tests.yaml").write_text("tests:\n  - {name: a, change: {colour: 1}, expect: same}\n")
    refused = subprocess.run([BINARY, "models", "evaluate", folder / "model.json", "--rows", folder / "rows.parquet", "--label", "late", "--behaviour", folder / "tests.yaml"],
                             capture_output=True, text=True)
    assert refused.returncode != 0 and "test a: the model reads no such column: column=colour inputs=distance, hour, pay" in refused.stderr


def test_classes_and_numbers(tmp_path):
    data = sklearn.datasets.load_iris(as_frame=True)
    rows = data.data.set_axis(["a", "b", "c", "d"], axis=1).assign(kind=data.target_names[data.target], wide=np.where(data.data.iloc[:, 1] > 3, "yes", "no"))
    rows.to_parquet(tmp_path / "iris.parquet")
    inputs = xgboost.DMatrix(rows[["a", "b", "c", "d"]], data.target)
    model = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, inputs, 3)
    model.save_model(tmp_path / "iris.json")
    (tmp_path / "tests.yaml").write_text("tests:\n  - {name: small, given: {a: 5, b: 3.4, c: 1.4, d: 0.2}, expect: setosa}\n  - {name: sepals, change: {a: '+0.1'}, expect: same}\n")
    got = evaluate(tmp_path / "iris.json", "--rows", tmp_path / "iris.parquet", "--label", "kind", "--problem", "multiclass", "--classes", "setosa,versicolor,virginica",
                   "--fairness", "wide", "--robustness", "noise", "--behaviour", tmp_path / "tests.yaml")
    said = model.predict(inputs).argmax(axis=1)
    assert got["metrics"]["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(data.target, said))
    assert got["metrics"]["log_loss"] == pytest.approx(sklearn.metrics.log_loss(data.target, model.predict(inputs)), abs=1e-5)
    wide = rows.wide == "yes"
    assert got["fairness"]["wide"]["accuracy_difference"] == pytest.approx(abs((said == data.target)[wide].mean() - (said == data.target)[~wide].mean()))
    assert got["behaviour"]["small"]["failed"] == 0 and got["behaviour"]["sepals"]["rows"] == 150

    model = xgboost.train({}, xgboost.DMatrix(rows[["a", "b", "c"]], rows.d), 5)
    model.save_model(tmp_path / "d.json")
    got = evaluate(tmp_path / "d.json", "--rows", tmp_path / "iris.parquet", "--label", "d", "--problem", "regression", "--fairness", "kind", "--robustness", "noise")
    error = model.predict(xgboost.DMatrix(rows[["a", "b", "c"]])) - rows.d
    assert got["metrics"]["mae"] == pytest.approx(error.abs().mean(), abs=1e-6)
    by_kind = error.groupby(rows.kind).mean()
    assert got["fairness"]["kind"]["mean_error_difference"] == pytest.approx(by_kind.max() - by_kind.min(), abs=1e-6)


PROJECT = """\
project: shop
pipelines:
  train:
    steps:
      - name: evaluate
        run: slipway --json models evaluate model.json --rows rows.parquet --label late --fairness sex --robustness missing --behaviour tests.yaml --threshold {threshold} --out {out}/evaluation.json
        inputs: [model.json, rows.parquet, tests.yaml]
        outputs: [evaluation.json]
    params: {threshold: "0.5"}
ci:
  checks:
    - {value: "train/evaluate/evaluation.json#fairness.*.equalized_odds_difference", max: 0.15}
    - {value: "train/evaluate/evaluation.json#robustness.missing.change.auc", min: -0.2}
    - {value: "train/evaluate/evaluation.json#behaviour.*.failed_share", max: 0}
    - {value: "train/evaluate/evaluation.json#latency_ms.p99", max: 500}
"""


def test_ci_says_no_to_a_model_that_behaves_worse(shop, tmp_path):
    folder, rows, _ = shop
    project = tmp_path / "project"
    project.mkdir()
    (project / "slipway.yaml").write_text(PROJECT)
    for name in ("model.json", "rows.parquet"):
        (project / name).write_bytes((folder / name).read_bytes())
    (project / "tests.yaml").write_text("tests:\n  - {name: midnight, given: {distance: 3000, hour: 23, pay: 50}, expect: {min: 0.5}}\n")
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "begin")
    git(project, "checkout", "-q", "-b", "change")
    change(project, readme_md="nothing")
    done = ci(project)
    assert done.returncode == 0, done.stderr + done.report
    inputs = rows.assign(hour=rows.hour.astype(float))[INPUTS]
    worse = xgboost.train({"max_depth": 2, "objective": "binary:logistic"}, xgboost.DMatrix(inputs, 1 - rows.late), 5)
    worse.save_model(project / "model.json")
    change(project, readme_md="a model that learned it the wrong way round")
    done = ci(project)
    assert done.returncode == 3, done.stderr + done.report
    assert "behaviour.midnight.failed\\_share too high (1" in done.report, done.report
