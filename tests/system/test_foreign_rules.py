"""Rules that were written for Great Expectations and pandera judge rows here as they do there.

`suite.json`, `schema.yaml` and `verdicts.json` were written by great_expectations 1.10.0 and pandera 0.27.0: the rows, one change at a time, and
what each of them said of the changed rows.
"""
import json
import pathlib

import pandas as pd
import pytest

HERE = pathlib.Path(__file__).parent / "foreign_rules"
KNOWN = json.loads((HERE / "verdicts.json").read_text())


def rows(change) -> pd.DataFrame:
    frame = pd.DataFrame(KNOWN["rows"])
    if change == "one":
        frame = frame.head(1)
    elif change == "drop":
        frame = frame.drop(columns="note")
    elif change:
        column, row, value = change
        frame.loc[row, column] = value
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True).astype("datetime64[us, UTC]"), arrived=pd.to_datetime(frame["arrived"], utc=True).astype("datetime64[us, UTC]"))


def declare(server, folder: pathlib.Path, name: str, block: str):
    file = folder / "slipway.yaml"
    file.write_text(f"project: rides\ndatasets:\n  {name}:\n    path: {name}.parquet\n" + "".join(f"    {line}\n" for line in block.splitlines()))
    server.cli("apply", str(file))


@pytest.mark.parametrize("which, file, left_out", [
    ("great_expectations", "suite.json", ["expect_column_values_to_match_regex of note: RE2 doesn't have it",
                                          "expect_column_mean_to_be_between of seats: there is no such rule here"]),
    ("pandera", "schema.yaml", [])])
def test_rows_are_judged_as_there(server, tmp_path, which, file, left_out):
    told = json.loads(server.cli("--json", "data", "rules", "import", str(HERE / file)).stdout)
    assert [said[:len(known)] for said, known in zip(told["left_out"], left_out, strict=True)] == left_out
    assert server.cli("data", "rules", "import", str(HERE / file)).stdout == told["yaml"]
    for number, (name, verdict) in enumerate(KNOWN["verdicts"].items()):
        dataset = f"rides{number}"
        declare(server, tmp_path, dataset, told["yaml"])
        rows(verdict["change"]).to_parquet(tmp_path / f"{dataset}.parquet", index=False)
        done = server.cli("data", "ingest", dataset, check=False)
        assert (done.returncode == 0) == verdict[which], (name, done.stderr)


@pytest.mark.parametrize("version", ["0.20.4", "0.35.0"])
def test_schemas_of_pandera_of_each_version_are_read_whole(server, version):
    """One schema as `to_yaml()` of two versions writes it: checks as a mapping, and beside the type."""
    told = json.loads(server.cli("--json", "data", "rules", "import", str(HERE / f"pandera-{version}.yaml")).stdout)
    columns = told["rules"]["columns"]
    assert columns["plate"] == {"type": "string", "pattern": "^(?:[A-Z]{2}[0-9]+)", "required": True}
    assert columns["kind"] == {"type": "string", "in": ["bus", "car"], "required": True} and columns["seats"] == {"type": "int64", "min": 1, "max": 60, "required": True}
    assert told["rules"]["rules"] == {"plate_length": "length(plate) >= 3 and length(plate) <= 8", "km_in_range": "km > -1", "km_in_range_2": "km < 5000", "note_allowed": "note not in ('x')"}
    assert told["rules"]["checks"] == {"unique": ["plate", ["kind", "note"]]}
    said = [line.split(":")[0] for line in told["left_out"]]
    # 0.20.4 writes no `raise_warning`.
    assert said == ["coerce of km", *(["greater_than_or_equal_to of odd"] if version == "0.35.0" else []), "coerce", "ordered", "strict", "index ride"], said


def test_rules_that_are_inferred_hold(server, tmp_path):
    declare(server, tmp_path, "rides", "key: [ride]\nevent_time: at\nrules: {later: arrived >= at}")
    rows(None).to_parquet(tmp_path / "rides.parquet", index=False)
    server.cli("data", "ingest", "rides")
    block = server.cli("data", "rules", "infer", "rides", "--categories-max", "3").stdout
    assert block.startswith("# 4 rows of rides version 1\ncolumns:\n") and "km: {type: double, min: 0, max: 8}" in block and "kind: {type: string, in: [bus, car], required: true}" in block
    assert 'later: "arrived >= at"' in block and "unique: [plate, note]" in block and "missing_max: {km: 0.38}" in block, block
    declare(server, tmp_path, "rides", "key: [ride]\nevent_time: at\n" + block)
    assert "hold" in server.cli("data", "ingest", "rides").stdout
    rows(("kind", 0, "ship")).to_parquet(tmp_path / "rides.parquet", index=False)
    server.cli("data", "ingest", "rides")
    assert json.loads(server.cli("--json", "data", "quarantine", "rides").stdout)["violations"] == {"kind in": 1}
    assert server.cli("data", "rules", "infer", "rides", "--margin", "-1", check=False).returncode == 1
    assert server.cli("data", "rules", "infer", "nowhere", check=False).returncode == 4


def test_what_is_neither_is_refused(server, tmp_path):
    (tmp_path / "x.json").write_text("{")
    done = server.cli("data", "rules", "import", str(tmp_path / "x.json"), check=False)
    assert done.returncode == 1 and "x.json" in done.stderr and "line 1" in done.stderr
    assert server.cli("data", "rules", "import", str(tmp_path / "none.json"), check=False).returncode == 4
