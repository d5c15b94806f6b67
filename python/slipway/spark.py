"""Training sets larger than a machine: Spark moves the rows, Slipway's own evaluator computes each part.

    from slipway.spark import training_set
    rows = training_set(spark, "slipway.yaml", "late", entities=rides, sources={"trips": trips})

or as a job of its own, with the definitions that the server has:

    spark-submit spark.py slipway.yaml late --entities s3a://lake/rides --source trips=s3a://lake/trips --out s3a://lake/training

View by view, entity rows and rows of the view's source are brought together by a hash of its keys. A part is handed to a server that lives as long as
it takes, on the worker: the same program, the same definitions, so the same bits as a training set that is made in one place. Rows meet only those of
their own keys: a rule over a whole dataset (the same dataset key twice) is looked at in each part alone.

Needs pyspark 4 and pyyaml here, and `slipway` with `slipway-engine` beside it on every worker: in PATH, or where SLIPWAY_BINARY says.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_START_S = 30.0
_PARTS = 200
_TYPES = {"double": "double", "bigint": "int64", "boolean": "bool", "string": "string", "timestamp": "timestamp"}  # of what the server answers
_PART = "__slipway_part"


def training_set(spark: Any, project: Any, service: str, entities: Any, sources: Mapping[str, Any], *, as_of: str | None = None,
                 parts: int = _PARTS) -> Any:
    """The service's features for past rows, each as known at its own event time, as a DataFrame: `entities` with a column more for each feature, view by view.

    `project`: a Project, or the text or path of a slipway.yaml. `entities`: a DataFrame with the service's request columns. `sources`: a DataFrame
    for each dataset that the service's views read, with its columns. `as_of`: what is known (RFC 3339); everything, if nothing is said. `parts`: a
    worker has the rows of one part in memory at a time. Rows come in no particular order.

    ValueError names what the definitions or `sources` lack. A part that fails ends the job with the server's message.
    """
    document = _document(project)
    features = document.get("features") or {}
    services, views = features.get("services") or {}, features.get("views") or {}
    if service not in services:
        raise ValueError(f"no such feature service: service={service} known={', '.join(services)}")
    wanted = list(services[service]["features"])
    named = list(dict.fromkeys(feature.split(".")[0] for feature in wanted))
    read = {view: _views_read(views, view) for view in named if view in views and "source" not in views[view]}
    shared = [view for of_view in read.values() for view in of_view]
    computed = [view for view in named if not read.get(view)] + shared + [view for view in named if read.get(view)]
    done = entities
    for view in dict.fromkeys(computed):
        of_view = [view] if view in shared else [feature for feature in wanted if feature.split(".")[0] == view]
        part = _definitions(document, service, view, of_view)
        if read.get(view):  # what it reads comes with the rows
            declared = part["features"]["services"][service]
            declared["request"] = declared["request"] | {
                name: _TYPES[kind] for name, kind in done.dtypes if name not in entities.columns and _is_of(name, read[view])}
        dataset = next(iter(part["datasets"]), None)
        if dataset is None:
            done = _each(done, part, service, as_of)
            continue
        if dataset not in sources:
            raise ValueError(f"the view needs rows of a dataset that is not among the sources: view={view} dataset={dataset}")
        done = _with_rows(spark, done, sources[dataset], part, service, dataset, views[view]["keys"], as_of, parts)
    asked = {feature.replace(".", "__", 1) for feature in wanted}
    columns = {view: [name for name in done.columns if name not in entities.columns and _is_of(name, [view]) and (view in wanted or name in asked)]
               for view in named}
    return done.select(*entities.columns, *dict.fromkeys(name for of_view in columns.values() for name in of_view))


def _is_of(feature: str, views: list[str]) -> bool:
    return any(feature.startswith(view + "__") for view in views)


def _views_read(views: Mapping[str, Any], view: str) -> list[str]:
    """The views whose features a view on demand computes from."""
    names = {name for expression in views[view]["columns"].values() for name in re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'", "", str(expression)))}
    return [other for other in views if "source" in views[other] and any(_is_of(name, [other]) for name in names)]


def _document(project: Any) -> dict[str, Any]:
    import yaml

    if hasattr(project, "to_yaml"):
        return yaml.safe_load(project.to_yaml())
    text = os.fspath(project)
    return yaml.safe_load(text if "\n" in text else pathlib.Path(text).read_text())


def _definitions(document: Mapping[str, Any], service: str, view: str, wanted: list[str]) -> dict[str, Any]:
    """What a part needs: one view, or what comes from the request itself, with its source and dataset."""
    features = document["features"]
    declared = dict(features["services"][service])
    part: dict[str, Any] = {"project": document.get("project", "spark"), "datasets": {}, "features": {"services": {service: declared | {"features": wanted}}}}
    if view == "request":
        return part
    if view not in (features.get("views") or {}):
        raise ValueError(f"the service names no such view: service={service} view={view}")
    part["features"]["views"] = {view: features["views"][view]}
    source = features["views"][view].get("source")
    if source is None:
        return part
    from_dataset = features["sources"][source]
    dataset = dict(document["datasets"][from_dataset["dataset"]])
    for key in ("path", "postgres", "format", "csv"):
        dataset.pop(key, None)
    part["features"]["sources"] = {source: from_dataset}
    part["datasets"] = {from_dataset["dataset"]: dataset | {"path": "rows.parquet"}}
    return part


def _each(entities: Any, part: Mapping[str, Any], service: str, as_of: str | None) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _compute(pa.Table.from_batches([batch]), None, part, service, as_of).to_batches()

    schema = _compute(entities.limit(1).toArrow(), None, part, service, as_of).schema
    return entities.mapInArrow(compute, from_arrow_schema(schema))


def _with_rows(spark: Any, entities: Any, rows: Any, part: Mapping[str, Any], service: str, dataset: str, keys: list[str], as_of: str | None,
               parts: int) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    def compute(some: pa.Table, of_source: pa.Table) -> pa.Table:
        return _compute(some.drop_columns([_PART]), of_source.drop_columns([_PART]), part, service, as_of)

    sample = rows.limit(1).toArrow()
    if sample.num_rows == 0:
        raise ValueError(f"the dataset has no rows: dataset={dataset}")
    schema = _compute(entities.limit(1).toArrow(), sample, part, service, as_of).schema
    parted = [_parted(frame, keys, parts).groupBy(_PART) for frame in (entities, rows)]
    return parted[0].cogroup(parted[1]).applyInArrow(compute, from_arrow_schema(schema))


def _parted(frame: Any, keys: list[str], parts: int) -> Any:
    """By a hash that is equal for equal keys, whatever widths their types have: whole numbers meet as doubles, at worst in one part too many."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import NumericType

    cells = [F.col(key).cast("double" if isinstance(frame.schema[key].dataType, NumericType) else "string") for key in keys]
    return frame.withColumn(_PART, F.pmod(F.xxhash64(*cells), F.lit(parts)))


def _compute(entities: pa.Table, rows: pa.Table | None, part: Mapping[str, Any], service: str, as_of: str | None) -> pa.Table:
    """One part: `entities` with the features beside them, in their order."""
    from slipway.client import Client

    request = list(part["features"]["services"][service]["request"])
    with tempfile.TemporaryDirectory(prefix="slipway-spark-") as name, _server(pathlib.Path(name)) as url:
        client, folder = Client(url, retries=0), pathlib.Path(name)
        if rows is not None:
            pq.write_table(rows, folder / "rows.parquet", compression="lz4")
        for dataset in part["datasets"]:  # features are bound to its columns, so they come after
            client.apply(_Declared({"project": part["project"], "datasets": part["datasets"]}, folder))
            client.ingest(dataset)
        client.apply(_Declared(part, folder))
        asked = entities.select([column for column in request if column in entities.column_names])
        made = client.training_set(service, asked, as_of=as_of, kind="arrow")
    made = made.drop_columns(asked.column_names)
    for field, column in zip(made.schema, made.columns, strict=True):
        entities = entities.append_column(field, column)
    return _in_utc(entities)


def _in_utc(table: pa.Table) -> pa.Table:
    """Spark gives times in its session's zone and takes them in UTC."""
    utc = pa.timestamp("us", "UTC")
    return table.cast(pa.schema([field.with_type(utc) if pa.types.is_timestamp(field.type) and field.type.tz else field for field in table.schema]))


class _Declared:
    """A document that is there already, as a Project."""

    def __init__(self, document: Mapping[str, Any], folder: pathlib.Path):
        self.document, self.folder = document, folder

    def to_yaml(self) -> str:
        return json.dumps(self.document)  # YAML reads JSON


@contextlib.contextmanager
def _server(folder: pathlib.Path) -> Iterator[str]:
    binary = os.environ.get("SLIPWAY_BINARY") or shutil.which("slipway")
    if not binary:
        raise RuntimeError(f"the slipway binary is not on this worker ({socket.gethostname()}): put it into PATH, or set SLIPWAY_BINARY")
    for _ in range(5):  # a port that is free may be taken a moment later
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = folder / "server.log"
        with open(log, "wb") as out:
            process = subprocess.Popen([binary, "server", "--port", str(port), "--grpc-port", "0", "--data", str(folder / "data")], stdout=out, stderr=out)
        try:
            if _answers(process, port):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.kill()  # what it has is only ours
            process.wait()
    raise RuntimeError(f"{binary} did not start: {log.read_text(errors='replace')[-2000:]}")


def _answers(process: subprocess.Popen, port: int) -> bool:
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.01)
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description="A training set as a Spark job.")
    parser.add_argument("definitions", help="slipway.yaml")
    parser.add_argument("service")
    parser.add_argument("--entities", required=True, help="Parquet with the service's request columns")
    parser.add_argument("--source", action="append", default=[], metavar="DATASET=PARQUET", help="rows of a dataset, once for each that is read")
    parser.add_argument("--out", required=True, help="where the Parquet files go")
    parser.add_argument("--as-of", help="what is known: RFC 3339; everything, if not said")
    parser.add_argument("--parts", type=int, default=_PARTS, help="a worker has the rows of one in memory at a time (%(default)s)")
    args = parser.parse_args()
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName(f"slipway {args.service}").getOrCreate()
    sources = {}
    for source in args.source:
        dataset, found, path = source.partition("=")
        if not found:
            parser.error(f"--source is DATASET=PARQUET: got={source}")
        sources[dataset] = spark.read.parquet(path)
    rows = training_set(spark, args.definitions, args.service, spark.read.parquet(args.entities), sources, as_of=args.as_of, parts=args.parts)
    rows.write.mode("errorifexists").parquet(args.out)


if __name__ == "__main__":
    main()
