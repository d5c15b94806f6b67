"""What must hold of a dataset's rows together and of a version as a whole, and who hears of it when it doesn't."""
import contextlib
import json
import sqlite3
import struct
import textwrap
import threading
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from playwright.sync_api import expect

YAML = """
project: trips
clock: rehearsal
start: 2024-03-04T00:00:00Z
datasets:
  trips:
    path: trips.csv
    key: [trip]
    event_time: departed
    columns: {km: {min: 0}}
    rules:
      arrives_later: "seconds_between(departed, arrived) >= 0"
      is_no_flight: "km < 1500 or by = 'plane'"
    on_violation: quarantine
    checks: {rows: {min: 3, change_max: 1}, quarantined_max: 0.5, missing_max: {km: 0.34}, unique: [ticket], age_max: 36h, drift_max: {by: 0.6}}
pipelines:
  load:
    steps:
      - {name: load, run: slipway data ingest trips, cache: false}
      - {name: after, run: "true", after: [load], cache: false}
endpoints:
  price: {model: models:/price@champion}
monitors:
  trips-come:
    endpoint: price
    windows: [day]
    datasets: [trips]
    alerts: {stale: {metric: dataset_age_hours_max, window: day, over: 48}}
"""
TRIPS = [("t1", "2024-03-03T08:00:00Z", "2024-03-03T09:00:00Z", 70.5, "train", "a"), ("t2", "2024-03-03T10:00:00Z", "2024-03-03T09:00:00Z", 20, "car", "b"),
         ("t3", "2024-03-03T11:00:00Z", "2024-03-03T13:00:00Z", 2000, "train", "c"), ("t4", "2024-03-03T11:00:00Z", "2024-03-03T13:00:00Z", 2000, "plane", "d"),
         ("t5", "2024-03-03T12:00:00Z", "", None, "train", "e"), ("t6", "2024-03-03T14:00:00Z", "2024-03-03T15:00:00Z", 12, "car", "f")]


@pytest.fixture
def trips(server, tmp_path):
    server.file = tmp_path / "trips.csv"
    server.write = lambda rows: pd.DataFrame(rows, columns=["trip", "departed", "arrived", "km", "by", "ticket"]).to_csv(server.file, index=False)
    server.write(TRIPS)
    (tmp_path / "slipway.yaml").write_text(textwrap.dedent(YAML))
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    return server


def refusal(server) -> str:
    done = server.cli("data", "ingest", "trips", check=False)
    assert done.returncode == 1, done
    return done.stderr


def test_rules_of_rows_put_aside_what_breaks_them(trips):
    assert "5 hold" in trips.cli("data", "ingest", "trips").stdout
    aside = json.loads(trips.cli("--json", "data", "quarantine", "trips").stdout)
    assert aside["violations"] == {"departed, arrived arrives_later": 1, "km, by is_no_flight": 1}
    assert [row["_reason"] for row in aside["rows"]] == [
        "departed, arrived arrives_later: departed=2024-03-03T10:00:00Z, arrived=2024-03-03T09:00:00Z", "km, by is_no_flight: km=2000, by=train"]


def test_what_is_flagged_is_said_with_examples(trips, open_page):
    file = trips.file.parent / "slipway.yaml"
    file.write_text(file.read_text().replace("on_violation: quarantine", "on_violation: flag"))
    trips.cli("apply", str(file))
    told = trips.cli("data", "ingest", "trips").stdout
    assert told.splitlines()[0].split()[4] == "FLAGGED" and told.splitlines()[1].split()[2:5] == ["6", "0", "2"], told
    for words in ("trips version 1: 2 rows break a rule and stay", "  km, by is_no_flight: 1 rows", "  departed, arrived arrives_later: 1 rows", "  row 2: km, by is_no_flight: km=2000, by=train"):
        assert words in told and words in trips.cli("data", "show", "trips").stdout, told
    aside = trips.cli("data", "quarantine", "trips").stdout
    assert "2 rows of trips version 1 break a rule and stay" in aside and "km=2000, by=train" in aside
    page = open_page(f"{trips.url}/ui/datasets/trips")
    expect(page.get_by_text("2 rows flagged. Rules broken:")).to_be_visible()
    expect(page.get_by_role("table", name="Versions").get_by_role("columnheader", name="Flagged")).to_be_visible()


def test_rows_put_aside_come_in_when_the_rules_allow_them(trips):
    told = trips.cli("data", "ingest", "trips").stdout
    assert "trips version 1: 2 rows break a rule and are put aside" in told and "  row 2: km, by is_no_flight" in told
    assert "none of the rows put aside came in" in trips.cli("data", "quarantine", "replay", "trips").stdout
    file = trips.file.parent / "slipway.yaml"
    file.write_text(file.read_text().replace("km < 1500", "km < 2500"))
    trips.cli("apply", str(file))
    replayed = json.loads(trips.cli("--json", "data", "quarantine", "replay", "trips").stdout)["snapshots"][0]
    assert (replayed["version"], replayed["rows"], replayed["quarantined"], replayed["new"]) == (2, 5, 1, True)
    again = trips.cli("data", "quarantine", "replay", "trips", "--version", "1", check=False)
    assert again.returncode == 1 and "came in as version 2" in again.stderr
    assert "2 rows of trips version 1 were put aside" in trips.cli("data", "quarantine", "trips", "--version", "1").stdout
    assert "1 rows of trips version 2 were put aside" in trips.cli("data", "quarantine", "trips").stdout
    assert trips.cli("data", "quarantine", check=False).returncode != 0
    events = requests.get(f"{trips.url}/slipway/v1/events?limit=100", timeout=60).json()["events"]
    assert [(event["subject"], event["payload"]["version"]) for event in events if event["kind"] == "dataset.replayed"] == [("datasets/trips/1", 2)]


def test_rows_put_aside_come_in_once_whenever_a_replay_is_killed(trips):
    trips.cli("data", "ingest", "trips")
    file = trips.file.parent / "slipway.yaml"
    file.write_text(file.read_text().replace("km < 1500", "km < 2500"))
    trips.cli("apply", str(file))

    def replay():
        with contextlib.suppress(requests.ConnectionError):
            requests.post(f"{trips.url}/slipway/v1/datasets/trips/quarantine/replay", json={"version": 1}, timeout=60)

    def versions():
        found = requests.get(f"{trips.url}/slipway/v1/datasets/trips", timeout=60).json()["versions"]
        return [(one["version"], one["rows"], one["quarantined"], one["replayed_as"]) for one in reversed(found)]

    before, after = [(1, 4, 2, None)], [(1, 4, 2, 2), (2, 5, 1, None)]
    for seconds in (0.005, 0.01, 0.02, 0.04):
        replays = [threading.Thread(target=replay) for _ in range(3)]
        for one in replays:
            one.start()
        time.sleep(seconds)
        trips.kill()
        for one in replays:
            one.join()
        trips.start()
        assert versions() in (before, after)
    replay()
    assert versions() == after


def test_a_file_at_the_limits_locks_nobody_out(server, tmp_path):
    """Once a version of such a file was kept whose record couldn't be read again: plan and apply failed for good."""
    (tmp_path / "slipway.yaml").write_text("project: far\ndatasets:\n  far: {path: far.csv, columns: {x: {max: 1e308}}}\n"
                                           "  towns: {path: towns.parquet, on_violation: reject, columns: {town: {in: [Nice]}}}\n  parts: {path: parts}\n")
    (tmp_path / "far.csv").write_text("x\n1e308\n-1e308\n1.7e308\n")
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 0, 4)), pa.py_buffer(b"caf\xe9")])
    pq.write_table(pa.table({"town": broken}), tmp_path / "towns.parquet")
    for name in ("k=%FF", "k=a"):
        (tmp_path / "parts" / name).mkdir(parents=True)
        (tmp_path / "parts" / name / "a.csv").write_text("x\n1\n")
    project = str(tmp_path / "slipway.yaml")
    server.cli("apply", project)
    server.cli("data", "ingest", "far")
    for name, says in (("towns", "a text is no UTF-8"), ("parts", "no UTF-8: file=k=%FF/a.csv")):
        assert says in server.cli("data", "ingest", name, check=False).stderr
    for words in (["plan", project], ["apply", project], ["data", "show", "far"], ["data", "quarantine", "far"], ["data", "rules", "infer", "far"],
                  ["lineage", "dataset:far@1"], ["data", "ingest", "far"], ["data", "ingest", "far", "--anew"], ["data", "list"]):
        server.cli(*words)
    server.stop()
    server.start()
    newest = requests.get(f"{server.url}/slipway/v1/datasets/far", timeout=60).json()["latest"]
    assert (newest["rows"], newest["quarantined"], newest["profile"][0]["mean"]) == (2, 1, 0)


def test_a_damaged_version_is_one_datasets_matter(server, tmp_path):
    (tmp_path / "slipway.yaml").write_text(textwrap.dedent("""
        project: p
        datasets: {a: {path: rows.csv, key: [k], event_time: at}, b: {path: rows.csv, key: [k], event_time: at}}
        features:
          sources: {a: {dataset: a, event_time: at, arrival_time: at}, b: {dataset: b, event_time: at, arrival_time: at}}
          views: {a: {source: a, keys: [k], columns: {x: x}}, b: {source: b, keys: [k], columns: {x: x}}}
          services: {a: {event_time: at, request: {at: timestamp, k: string}, features: [a]}, b: {event_time: at, request: {at: timestamp, k: string}, features: [b]}}
    """))
    (tmp_path / "rows.csv").write_text("k,x,at\nu,1,2024-03-04T00:00:00Z\n")
    project = str(tmp_path / "slipway.yaml")
    server.cli("apply", project)
    server.cli("data", "ingest", "a", "b")
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data_dir / "slipway.db")) as db, db:
        assert db.execute("UPDATE dataset_snapshots SET document = '{' WHERE dataset = 'a'").rowcount == 1
    server.start()
    says = "what is kept of a version is damaged: dataset=a version=1"
    plan = server.cli("plan", project)
    assert says in plan.stdout + plan.stderr
    for words in (["apply", project], ["data", "list"], ["data", "show", "a"], ["data", "ingest", "b"], ["data", "quarantine", "b"], ["lineage", "dataset:b@1"]):
        server.cli(*words)
    assert says in server.cli("data", "show", "a").stdout
    for words in (["data", "ingest", "a"], ["data", "quarantine", "a"], ["data", "rules", "infer", "a"]):
        done = server.cli(*words, check=False)
        assert done.returncode == 1 and says in done.stderr
    server.cli("data", "ingest", "a", "--anew")
    server.cli("data", "rules", "infer", "a")
    assert says not in server.cli("plan", project).stdout


def test_rows_put_aside_are_shown_as_they_are(server, tmp_path):
    (tmp_path / "slipway.yaml").write_text("project: ids\ndatasets: {ids: {path: ids.csv, columns: {x: {max: 0}}}}\n")
    (tmp_path / "ids.csv").write_text("id,ok,x\n" + "".join(f"{2**53 + i},true,1\n" for i in range(120)))
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    server.cli("data", "ingest", "ids")
    rows = json.loads(server.cli("--json", "data", "quarantine", "ids", "--limit", "2").stdout)["rows"]
    assert [(row["id"], row["ok"], row["_row"]) for row in rows] == [(2**53, True, 0), (2**53 + 1, True, 1)] and rows[0]["ok"] is True
    shown = server.cli("data", "quarantine", "ids").stdout.splitlines()
    assert shown[0] == "120 rows of ids version 1 were put aside" and shown[-1] == "... and 20 more" and len(shown) == 1 + 1 + 100 + 1
    assert shown[3].split() == ["x", "max:", "1", "1", str(2**53 + 1), "true", "1"]
    assert "more" not in server.cli("data", "quarantine", "ids", "--limit", "120").stdout
    assert server.cli("data", "quarantine", "ids", "--limit", "0", check=False).returncode == 2


def test_one_that_fails_keeps_no_other_from_coming_in(server, tmp_path):
    (tmp_path / "slipway.yaml").write_text("project: abc\ndatasets: {a: {path: a.csv, columns: {x: {in: [y]}}}, b: {path: b.csv}, c: {path: c.csv}}\n")
    (tmp_path / "a.csv").write_text('x\ny\n"\x1b[31mred\nline\0end"\n')
    (tmp_path / "c.csv").write_text("x\n1\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    done = server.cli("data", "ingest", "a", "b", "c", check=False)
    assert done.returncode == 4 and "no such file or folder" in done.stderr
    shown = done.stdout.splitlines()
    assert [line.split()[:3] for line in shown[1:3]] == [["a", "1", "1"], ["c", "1", "1"]]
    # A cell is on one line, and whole.
    assert shown[-1] == "  row 1: x in: \\x1b[31mred\\x0aline\\x00end" and "\x1b" not in done.stdout
    assert shown[-1].split("in: ")[1] in server.cli("data", "quarantine", "a").stdout
    done = server.cli("--json", "data", "ingest", "b", "a", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 4 and [one["dataset"] for one in said["snapshots"]] == ["a"] and [one["dataset"] for one in said["failures"]] == ["b"]
    assert "no such file or folder" in said["failures"][0]["error"]
    (tmp_path / "c.csv").write_text("x\n1.5\n")
    server.cli("data", "ingest", "c", "--anew")
    assert "  column x is double, and was int64\n" in server.cli("changed", "dataset:c@1", "dataset:c@2").stdout


def test_decimals_are_read_as_doubles_and_said(server, tmp_path):
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq
    pq.write_table(pa.table({"id": [1, 2, 3], "price": pa.array([decimal.Decimal("12.34"), None, decimal.Decimal("-0.05")], pa.decimal128(10, 2)),
                             "list": [[1], [2], [3]]}), tmp_path / "prices.parquet")
    (tmp_path / "slipway.yaml").write_text("project: p\ndatasets: {prices: {path: prices.parquet, columns: {price: {type: double, max: 12}}}}\n")
    server.cli("apply", str(tmp_path / "slipway.yaml"))
    told = server.cli("data", "ingest", "prices").stdout
    assert "prices version 1: note: price is read as double: it is a decimal128(10, 2) there" in told and "note: list is left out" in told, told
    assert "price max: 12.34" in told
    requests.get(f"{server.url}/slipway/v1/datasets/prices/rows", timeout=60).raise_for_status()
    rows = requests.get(f"{server.url}/slipway/v1/datasets/prices/rows", timeout=60).content
    assert pq.read_table(pa.BufferReader(rows)).to_pydict() == {"id": [2, 3], "price": [None, -0.05]}


def test_rules_of_columns_that_are_not_there_are_warned_of(trips):
    trips.cli("data", "ingest", "trips")
    file = trips.file.parent / "slipway.yaml"
    file.write_text(file.read_text().replace("columns: {km: {min: 0}}", "columns: {kilometres: {min: 0}}").replace("by = 'plane'", "kind = 'plane'"))
    for verb in ("plan", "apply"):
        done = trips.cli(verb, str(file))
        assert "version 1 of dataset trips has no column kilometres" in done.stderr and "rule is_no_flight doesn't fit version 1 of dataset trips" in done.stderr, done


def test_a_version_that_fails_a_check_is_none(trips):
    trips.cli("data", "ingest", "trips")
    trips.write([*TRIPS, ("t7", "2024-03-03T15:00:00Z", "", 3, "car", "a")])
    assert "unique of ticket: 1 is more than 0" in refusal(trips)
    trips.write(TRIPS[:4])
    assert "rows_min: 2 is less than 3" in refusal(trips)
    trips.write([(trip, departed, arrived, km, "plane", ticket) for trip, departed, arrived, km, by, ticket in TRIPS])
    assert "drift_max of by: 0.75 is more than 0.6 (--accept" in refusal(trips)
    run = json.loads(trips.cli("--json", "run", "load", check=False).stdout)
    assert {step["name"]: step["state"] for step in run["steps"]} == {"load": "failed", "after": "skipped"}
    assert len(json.loads(trips.cli("--json", "data", "show", "trips").stdout)["versions"]) == 1
    trips.cli("data", "ingest", "trips", "--accept")
    shown = trips.cli("data", "show", "trips").stdout.splitlines()
    assert shown[3].startswith("trips version 2: ") and "5 hold" in shown[1] and "5 hold" in shown[2], shown
    # So that whoever looks why nothing new came reads it.
    events = requests.get(f"{trips.url}/slipway/v1/events?limit=100", timeout=60).json()["events"]
    assert [event["subject"] for event in events if event["kind"] == "dataset.refused"] == ["datasets/trips"] * 4


def test_a_dataset_that_nobody_loads_is_an_alert(trips):
    trips.cli("data", "ingest", "trips")
    for day in range(5, 9):
        requests.post(f"{trips.url}/slipway/v1/clock", json={"advance_to": f"2024-03-0{day}T01:00:00Z"}, timeout=60).raise_for_status()
    alert = requests.get(f"{trips.url}/slipway/v1/alerts", timeout=60).json()["alerts"]
    assert [(one["alert"], one["value"], one["state"]) for one in alert] == [("stale", 58, "open")]
    assert "age_max of departed: 107 hours is more than 36 hours" in refusal(trips)
    trips.write([(trip, departed.replace("03-03", "03-07"), arrived.replace("03-03", "03-07"), *rest) for trip, departed, arrived, *rest in TRIPS])
    trips.cli("data", "ingest", "trips")
    requests.post(f"{trips.url}/slipway/v1/clock", json={"advance_to": "2024-03-09T01:00:00Z"}, timeout=60).raise_for_status()
    assert [one["state"] for one in requests.get(f"{trips.url}/slipway/v1/alerts", timeout=60).json()["alerts"]] == ["resolved"]


def test_the_page_shows_how_each_check_came_out(trips, open_page):
    file = trips.file.parent / "slipway.yaml"
    file.write_text(file.read_text().replace("drift_max: {by: 0.6}", "drift_max: {by: 0.6}, on_failed: flag"))
    trips.cli("apply", str(file))
    trips.cli("data", "ingest", "trips")
    trips.write([(trip, departed, arrived, km, "plane", ticket) for trip, departed, arrived, km, by, ticket in TRIPS])
    trips.cli("data", "ingest", "trips")
    page = open_page(f"{trips.url}/ui/datasets/trips")
    checks = requests.get(f"{trips.url}/slipway/v1/datasets/trips", timeout=60).json()["latest"]["checks"]
    expect(page.get_by_role("table", name="Checks").get_by_role("row")).to_have_count(1 + len(checks))
    versions = page.get_by_role("table", name="Versions").get_by_role("row")
    expect(versions).to_have_count(3)
    assert "1 of 7 failed" in versions.nth(1).inner_text() and "5 hold" in versions.nth(2).inner_text()
    said = [[cell.strip() for cell in row.inner_text().split("\t")] for row in page.get_by_role("table", name="Checks").get_by_role("row").all()[1:]]
    assert [row[1] for row in said] == [check["columns"] or "all rows" for check in checks]
    assert [row[-1] for row in said] == ["holds" if check["holds"] else "failed" for check in checks]
    assert said[-1] == ["Drift from the version before", "by", "0.75", "0.6", "failed"]


def test_names_and_rules_that_make_no_sense_are_refused_with_their_line(server, tmp_path):
    file = tmp_path / "slipway.yaml"
    rows = "{path: a.csv}"
    for name, declared, said in [*((name, rows, "a dataset's name is not empty") for name in ("", "a\nb", "a\x7f", ".", "..", "x@1", "x/y", "-x", "replay")),
                                 ("d", '{path: a.csv, rules: {r: "a >"}}', "rule r of dataset d: expected a value at character 4"),
                                 ("d", '{path: a.csv, rules: {t: "c + 1"}}', "a condition is a yes or no, and this is a number"),
                                 ("d", """{path: a.csv, rules: {u: "w <= timestamp('garbage')"}}""", "expected a time such as")]:
        file.write_text(f"project: p\ndatasets:\n  {json.dumps(name)}: {declared}\n")
        for verb in ("plan", "apply"):
            done = server.cli(verb, str(file), check=False)
            assert done.returncode != 0 and "line 3" in done.stderr and said in done.stderr, (name, declared, done.stdout, done.stderr)
    (tmp_path / "a.csv").write_text("start,end,c\n1,2,x\n3,2,y\n")
    names = ["x.1_b-2", "_raw", "daily sales", "größe", "a+b", "a%2F?b#c", "...", "list"]
    file.write_text("project: p\ndatasets:\n" + "".join(
        f"  {json.dumps(name)}: {{path: a.csv, on_violation: quarantine, rules: {{r: \"end > start and c in ('x', 'y')\"}}}}\n" for name in names))
    server.cli("plan", str(file))
    server.cli("apply", str(file))
    server.cli("data", "ingest", *names)
    for name in names:
        assert json.loads(server.cli("--json", "data", "show", name).stdout)["latest"]["dataset"] == name
        assert len(json.loads(server.cli("--json", "data", "quarantine", name).stdout)["rows"]) == 1


def test_times_that_are_none_are_refused_anew_and_stay_missing_where_they_were_taken(server, tmp_path):
    yaml = textwrap.dedent("""
        project: p
        datasets:
          shops:
            path: shops.csv
            rules:
              r: "opened > timestamp('2020-01-01')"
        features:
          sources: {shops: {dataset: shops}}
          views:
            shop:
              source: shops
              keys: [shop]
              columns:
                size: size
                is_new: "coalesce(opened > timestamp('2020-01-01'), size = 7)"
          services:
            shop: {event_time: at, request: {at: timestamp, shop: string}, features: [shop]}
        """)
    file, written, none = tmp_path / "slipway.yaml", "timestamp('2020-01-01')", "timestamp('2020-01-01 00:00:00')"
    file.write_text(yaml)
    (tmp_path / "shops.csv").write_text("shop,opened,size\na,2026-01-01T00:00:00Z,7\n")
    server.cli("apply", str(file))
    server.cli("data", "ingest", "shops")
    before, _, after = yaml.partition("features:")
    for declared, said in ((before.replace(written, none) + "features:" + after, "line 7, column 10: rule r of dataset shops: expected a time such as"),
                           (before + "features:" + after.replace(written, none), "line 16, column 17: view shop, is_new: expected a time such as")):
        file.write_text(declared)
        for verb in ("plan", "apply"):
            done = server.cli(verb, str(file), check=False)
            assert done.returncode != 0 and said in done.stderr, (verb, done.stderr)

    # As a server of before took it.
    server.stop()
    with contextlib.closing(sqlite3.connect(server.data_dir / "slipway.db")) as db, db:
        assert db.execute("UPDATE projects SET yaml = replace(yaml, ?, ?)", (written, none)).rowcount == 1
        assert db.execute("UPDATE dataset_definitions SET definition = replace(definition, ?, ?)", (written, none)).rowcount == 1
    server.start()
    (tmp_path / "shops.csv").write_text("shop,opened,size\na,2026-01-01T00:00:00Z,7\nb,2010-01-01T00:00:00Z,8\n")
    server.cli("data", "ingest", "shops")
    assert json.loads(server.cli("--json", "data", "show", "shops").stdout)["latest"]["rows"] == 2
    server.cli("features", "materialize", "--as-of", "2100-01-01T00:00:00Z")
    rows = [{"shop": shop, "at": "2026-01-02T00:00:00Z"} for shop in "ab"]
    reply = requests.post(server.url + "/slipway/v1/features/online", json={"service": "shop", "rows": rows}, timeout=20)
    assert reply.json()["rows"] == [[7, True], [8, False]], reply.text
    log = server.log.read_text()
    assert f'a time that is none is missing in every row: condition="opened > {none}" expected a time' in log
    assert "a time that is none is missing in every row: line 16, column 17: view shop, is_new: expected a time" in log
