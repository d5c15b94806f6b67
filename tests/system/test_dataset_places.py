"""Where a dataset's rows may be: CSV and Parquet files, folders, S3, PostgreSQL, and rows that are sent."""
import datetime as dt
import os
import signal
import subprocess
import sys
import threading

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
import requests
from conftest import ROOT, Server, eventually, free_port
from s3_server import S3Server

sys.path.insert(0, str(ROOT / "python"))
import slipway as sw  # noqa: E402

START = dt.datetime(2026, 1, 5, 8, tzinfo=dt.timezone.utc)
AT = [START + dt.timedelta(hours=h) for h in range(4)]
ROWS = pa.table({"ride": [1, 2, 3, 4], "driver": ["ada", "bob", "ada", 'eve "e"'], "km": [3.5, None, 7.25, 0.1], "ok": [True, False, None, True],
                 "at": pa.array(AT, pa.timestamp("us", "UTC"))})


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    running = S3Server(tmp_path_factory.mktemp("s3"), free_port())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def warehouse(postgres):
    """A table of somebody else's, and a role that may only read."""
    values = ", ".join(f"({r['ride']}, '{r['driver']}', {'NULL' if r['km'] is None else r['km']}, {'NULL' if r['ok'] is None else r['ok']}, '{r['at'].isoformat()}', "
                       "ARRAY[1, 2])" for r in ROWS.to_pylist())
    sql(postgres, f"""CREATE SCHEMA shop; CREATE TABLE shop."Rides"(ride int8, driver text, km float8, ok bool, at timestamptz, tags int4[]);
                      INSERT INTO shop."Rides" VALUES {values};
                      CREATE TABLE shop.odd(i2 int2, f4 float4, n numeric(10, 3), u uuid, d date, t timestamp, j jsonb, c char(3), x text);
                      INSERT INTO shop.odd VALUES (7, 0.5, 1.125, '00000000-0000-0000-0000-00000000000a', '2026-01-05', '2026-01-05 08:00:00.25', '{{"a": 1}}',
                      'ab', ''), (NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, E'two\nlines, "quoted"');""")
    return postgres


def sql(postgres, text):
    done = subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", postgres.url, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def server(s3, warehouse, tmp_path_factory):
    before = dict(os.environ)
    os.environ.update(s3.variables | {"WAREHOUSE": warehouse.url, "SECRET": "not an address"})
    running = Server(tmp_path_factory.mktemp("server") / "data", "--postgres-query-seconds", "5")
    yield running
    running.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def take(server, tmp_path):
    """Declares a dataset `rides`, reads it, and gives its rows as training-set entities would see them."""
    client = sw.Client(server.url)

    def take(**how) -> list[dict]:
        name = f"rides_{os.urandom(3).hex()}"  # a dataset's columns are those of its last version
        dataset = sw.Dataset(name, event_time="at", arrival_time="at", **how)
        source = sw.Source(name, dataset, event_time="at", arrival_time="at")
        view = sw.View("latest", source, [sw.Entity("ride", "int64")], columns={"driver": "driver", "km": "km", "ok": "ok"})
        client.apply(sw.Project("places", folder=tmp_path).add(sw.Service("ride", [view], event_time="at")))
        take.snapshot = client.ingest(name)
        take.document = requests.get(f"{server.url}/slipway/v1/datasets/{name}", timeout=60).json()["latest"]
        table = client.training_set("ride", name).sort_by("at")
        assert table.column("at").to_pylist() == AT[:table.num_rows]
        return table.select([name for name in table.column_names if name.startswith("latest__")]).rename_columns(["driver", "km", "ok"]).to_pylist()

    take.client = client
    return take


EXPECTED = ROWS.select(["driver", "km", "ok"]).to_pylist()


def csv_text(rows: pa.Table) -> str:
    return rows.to_pandas().to_csv(index=False)


def test_csv_and_parquet_files(take, tmp_path):
    (tmp_path / "rides.csv").write_text(csv_text(ROWS))
    assert take(path="rides.csv") == EXPECTED
    pq.write_table(ROWS, tmp_path / "rides.parquet")
    assert take(path="rides.parquet") == EXPECTED
    pl.from_arrow(ROWS).write_parquet(tmp_path / "polars.parquet")
    assert take(path="polars.parquet") == EXPECTED
    pl.from_arrow(ROWS).write_csv(tmp_path / "polars.csv", separator=";", null_value="NA")
    assert take(path="polars.csv", csv=sw.Csv(delimiter=";", missing=["NA"])) == EXPECTED


def test_folders_partitioned_or_not(take, tmp_path):
    for part in range(4):
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / "parts" / f"{part}.csv").write_text(csv_text(ROWS.slice(part, 1)))
    assert take(path="parts") == EXPECTED
    pyarrow.dataset.write_dataset(ROWS, tmp_path / "hive", format="parquet", partitioning=pyarrow.dataset.partitioning(
        pa.schema([("driver", pa.string())]), flavor="hive"))
    assert take(path="hive") == EXPECTED
    assert take.document["source"] == str(tmp_path / "hive")


def test_columns_that_nothing_holds_are_left_out(take, tmp_path):
    nested = ROWS.append_column("tags", pa.array([[1], [2], [3], [4]])).append_column("where", pa.array([{"x": 1, "y": 2}] * 4))
    nested = nested.append_column("bytes", pa.array([b"\xff"] * 4))
    # In front of and between the others: a list or a struct is several columns of the file.
    for order in (nested.column_names, ["where", *ROWS.column_names, "tags"], ["ride", "tags", "driver", "where", "km", "bytes", "ok", "at"]):
        pq.write_table(nested.select(order), tmp_path / "rides.parquet")
        assert take(path="rides.parquet") == EXPECTED
    assert any(note.startswith("tags is left out: a list<") for note in take.document["notes"]), take.document["notes"]
    assert any(note.startswith("where is left out: a struct<") for note in take.document["notes"])
    assert any(note.startswith("bytes is left out: a binary is") for note in take.document["notes"])


def test_texts_of_writers_that_annotate_none(take, tmp_path):
    """Older Spark, Impala and Hive: once their columns of texts were left out, keys too."""
    old = ROWS.set_column(1, "driver", ROWS.column("driver").cast(pa.binary())).append_column("id", pa.array([b"a", b"b", b"c", b"d"]))
    pq.write_table(old, tmp_path / "rides.parquet")
    assert take(path="rides.parquet", key=["id"]) == EXPECTED
    assert {"name": "id", "type": "string"} in take.document["schema"] and take.document["notes"] == []
    name = take.document["dataset"]
    pq.write_table(old.set_column(1, "driver", pa.array([b"ada", b"bob", b"caf\xe9", None])), tmp_path / "rides.parquet")
    with pytest.raises(sw.SlipwayError, match="a text is no UTF-8: .*row=2 column=driver"):
        take.client.ingest(name)
    # What never was a text need be none, in whichever file it isn't.
    for odd in (0, 1):
        (tmp_path / f"parts{odd}").mkdir()
        for part in (0, 1):
            memo = pa.array([b"fine", b"caf\xe9" if part == odd else None])
            pq.write_table(old.slice(2 * part, 2).append_column("memo", memo), tmp_path / f"parts{odd}" / f"{part}.parquet")
        assert take(path=f"parts{odd}", key=["id"]) == EXPECTED
        assert take.document["notes"] == [f"memo is left out: a binary is no UTF-8: file={odd}.parquet row=1"]
        assert [column["name"] for column in take.document["schema"]] == old.column_names


def test_s3_objects_and_folders(take, s3, server):
    place = s3.objects / s3.bucket / "lake"
    for part in range(2):
        folder = place / f"hub={part}"
        folder.mkdir(parents=True)
        pq.write_table(ROWS.slice(2 * part, 2), folder / "part.parquet")
    assert take(path=f"s3://{s3.bucket}/lake") == EXPECTED
    assert take.document["source"] == f"s3://{s3.bucket}/lake" and {"name": "hub", "type": "int64"} in take.document["schema"]
    (s3.objects / s3.bucket / "one.csv").write_text(csv_text(ROWS))
    assert take(path=f"s3://{s3.bucket}/one.csv") == EXPECTED
    with pytest.raises(sw.NotFound, match="nobody"):
        take(path=f"s3://{s3.bucket}/nobody")
    assert not list((server.data_dir / "uploads").glob("ingest*"))


@pytest.mark.parametrize("where", [{"table": "shop.Rides"}, {"query": 'SELECT * FROM shop."Rides" ORDER BY at DESC;'}])
def test_postgresql(take, where, warehouse):
    assert take(postgres=sw.Postgres(url="${WAREHOUSE}", **where)) == EXPECTED
    assert any(note.startswith("tags is left out: a integer[]") for note in take.document["notes"]), take.document["notes"]
    assert "not-asked-for" not in str(take.document) and take.document["source"].startswith("postgresql://")
    again = take.client.ingest(take.snapshot.dataset)
    assert not again.new


def test_a_password_is_not_declared(server, warehouse, tmp_path):
    client = sw.Client(server.url)
    project = sw.Project("places", folder=tmp_path).add(sw.Dataset("told", postgres=sw.Postgres(url=warehouse.url, table="shop.odd")))
    for declare in (client.plan, client.apply):
        with pytest.raises(sw.InvalidArgument, match="dataset=told") as refused:
            declare(project)
        assert "not-asked-for" not in str(refused.value)
    assert requests.get(f"{server.url}/slipway/v1/datasets/told", timeout=60).status_code == 404
    replies = [requests.get(server.url + path, timeout=60).text for path in ("/slipway/v1/datasets", "/slipway/v1/events?limit=1000")]
    assert all(text and "not-asked-for" not in text for text in replies)


def test_postgresqls_types(server, tmp_path):
    client = sw.Client(server.url)
    client.apply(sw.Project("places", folder=tmp_path).add(sw.Dataset("odd", postgres=sw.Postgres(url="${WAREHOUSE}", table="shop.odd"))))
    client.ingest("odd")
    latest = requests.get(f"{server.url}/slipway/v1/datasets/odd", timeout=60).json()["latest"]
    assert {c["name"]: c["type"] for c in latest["schema"]} == {"i2": "int64", "f4": "double", "n": "double", "u": "string", "d": "timestamp",
                                                                "t": "timestamp", "j": "string", "c": "string", "x": "string"}
    profile = {c["name"]: c for c in latest["profile"]}
    assert {name: c["missing"] for name, c in profile.items()} == {**dict.fromkeys(profile, 1), "x": 0}  # an empty text is there
    assert profile["t"]["max"] == "2026-01-05T08:00:00.250000Z" or profile["t"]["max"].startswith("2026-01-05T08:00:00.25")
    assert {v["value"] for v in profile["x"]["top"]} == {"", 'two\nlines, "quoted"'}


@pytest.mark.parametrize("declared, error, says", [
    ({"url": "${NOBODY}", "table": "t"}, sw.FailedPrecondition, "NOBODY"),
    ({"url": "${SECRET}", "table": "t"}, sw.FailedPrecondition, "no postgresql:// address in SECRET"),
    ({"url": "postgresql://x@127.0.0.1:1/d", "table": "t"}, sw.Unavailable, "refused"),
    ({"url": "${WAREHOUSE}", "table": "nobody"}, sw.InvalidArgument, "nobody"),
    ({"url": "${WAREHOUSE}", "query": "SELECT nobody"}, sw.InvalidArgument, "nobody"),
    ({"url": "${WAREHOUSE}", "query": "SELECT 1 AS ride; DROP SCHEMA shop CASCADE"}, sw.InvalidArgument, "multiple commands"),
    ({"url": "${WAREHOUSE}", "query": 'DELETE FROM shop."Rides" RETURNING ride'}, sw.InvalidArgument, "read-only transaction"),
    ({"url": "${WAREHOUSE}", "query": "SELECT pg_sleep(9)::text AS ride"}, sw.DeadlineExceeded, "timeout"),
], ids=["unset", "no-address", "nobody-there", "no-table", "no-column", "two-statements", "writes", "slow"])
def test_what_postgresql_refuses(server, tmp_path, declared, error, says):
    client = sw.Client(server.url, retries=0)
    client.apply(sw.Project("places", folder=tmp_path).add(sw.Dataset("refused", postgres=sw.Postgres(**declared))))
    with pytest.raises(error, match=says) as caught:
        client.ingest("refused")
    assert "not-asked-for" not in str(caught.value)
    with pytest.raises(sw.NotFound, match="refused"):
        client.rows("refused")


def test_mistakes_name_file_row_and_column(server, tmp_path):
    client = sw.Client(server.url)
    dataset = sw.Dataset("wrong", path="parts", event_time="at", arrival_time="at", on_violation="reject",
                         columns={"km": sw.Column(type="double", max=100), "n": sw.Column(type="int64")})
    client.apply(sw.Project("places", folder=tmp_path).add(dataset))
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.csv").write_text("km,n,at\n1,1,2026-01-05T08:00:00Z\n")
    for text, says in [("km,n,at\n2,1,2026-01-05\nfar,1,2026-01-05\n", "a cell is no double: file=b.csv line=3 column=km cell=far"),
                       ("km,n,at\n2,1,soon\n", "a cell is no timestamp: file=b.csv line=2 column=at cell=soon"),
                       ("km,n,at\n2,1\n", "a row of 2 cells, where the header has 3: file=b.csv line=2"),
                       ("km,n,at,x\n2,1,2026-01-05,\n", "a column that a.csv does not have: file=b.csv column=x")]:
        (tmp_path / "parts" / "b.csv").write_text(text)
        with pytest.raises(sw.InvalidArgument, match=says):
            client.ingest("wrong")
    (tmp_path / "parts" / "b.csv").write_text("km,n,at\n2,1,2026-01-05\n\n101,1,2026-01-05\n")
    with pytest.raises(sw.FailedPrecondition, match="column=km rule=max value=101 file=b.csv line=4"):
        client.ingest("wrong")


def test_csv_is_sent_and_broken_bytes_are_the_senders(server, tmp_path):
    client = sw.Client(server.url)
    client.apply(sw.Project("places", folder=tmp_path).add(sw.Dataset("sent", path="nowhere.csv")))
    place = f"{server.url}/slipway/v1/datasets/sent/rows"
    taken = requests.post(place, csv_text(ROWS), timeout=60)
    assert taken.status_code == 200 and taken.json()["snapshot"]["rows"] == 4, taken.text
    for broken, says in ((b"PAR1....", "parquet"), (b"ride,driver\n1\n", "line=2"), (b"\0\xff", "")):
        refused = requests.post(place, broken, timeout=60)
        assert refused.status_code == 400 and says in refused.text.lower() and str(server.data_dir) not in refused.text, refused.text


def test_a_kill_while_objects_are_copied_leaves_nothing_for_the_next(s3, tmp_path, monkeypatch):
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    killed, whole = s3.objects / s3.bucket / "killed", s3.objects / s3.bucket / "whole"
    for place in (killed, whole):
        place.mkdir()
    pq.write_table(ROWS.slice(0, 1), killed / "a.parquet")
    with open(killed / "b.parquet", "wb") as large:
        large.truncate(2 << 30)
    pq.write_table(ROWS.slice(1), whole / "c.parquet")
    running = Server(tmp_path / "data")
    try:
        client = sw.Client(running.url, retries=0)
        client.apply(sw.Project("places", folder=tmp_path).add(sw.Dataset("killed", path=f"s3://{s3.bucket}/killed"),
                                                              sw.Dataset("whole", path=f"s3://{s3.bucket}/whole")))
        asked = threading.Thread(target=lambda: pytest.raises(Exception, client.ingest, "killed"))
        asked.start()
        copies = lambda: list((tmp_path / "data" / "uploads").rglob("b.parquet"))  # noqa: E731
        eventually(copies)
        running.stop(signal.SIGKILL)
        asked.join()
        assert copies()
        running.start()
        assert not list((tmp_path / "data" / "uploads").iterdir())
        client = sw.Client(running.url)
        assert client.ingest("whole").rows == 3
        assert client.rows("whole").column("ride").to_pylist() == [2, 3, 4]
    finally:
        running.stop()
        (killed / "b.parquet").unlink()


@pytest.mark.parametrize("rows", [ROWS, ROWS.to_pandas(), pl.from_arrow(ROWS)], ids=["arrow", "pandas", "polars"])
def test_rows_are_sent(take, rows, tmp_path):
    pq.write_table(ROWS.slice(0, 1), tmp_path / "rides.parquet")
    take(path="rides.parquet")
    client, name = take.client, take.snapshot.dataset
    sent = client.ingest(name, rows)
    assert sent.rows == 4 and sent.version == 2 and sent.new and not client.ingest(name, rows).new
    assert client.training_set("ride", name, kind="pandas").shape[0] == 4
    with pytest.raises(sw.NotFound):
        client.ingest("nobody", rows)
    with pytest.raises(sw.FailedPrecondition, match="column=driver"):
        client.ingest(name, pd.DataFrame({"ride": [1]}))
    with pytest.raises(TypeError, match="either"):
        client.ingest(name, rows, path="rides.parquet")
