"""The client of a server."""
import dataclasses
import datetime as dt
import io
import json
import os
import pathlib
import time
import urllib.parse
import uuid
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from slipway.document import Time, moment, name_of, plain
from slipway.errors import Conflict, DeadlineExceeded, InvalidArgument, NotFound
from slipway.features import Dataset, Service, Source, View
from slipway.frames import Kind, feature_column, from_arrow, json_column, json_rows, kind_of, seconds_column, to_arrow
from slipway.notebook import Profile, profile
from slipway.operations import Endpoint, Pipeline
from slipway.pipelines import PipelineFunction
from slipway.project import Project
from slipway.transport import Transport

_ROWS_A_CALL = 5000  # of pushes and online reads
_LONG_S = 3600.0  # what takes as long as there are rows
_ARROW_STREAM = "application/vnd.apache.arrow.stream"
_KEYS_SHOWN = 1000  # of a view, in a notebook


@dataclasses.dataclass(frozen=True)
class Change:
    """What apply has done, or would do, with one definition: "created", "updated", "removed", "unchanged", or of what the project no longer declares "not in the file",
    "kept" (`means` says what for) and, of another project, "left as it is".

    `means`: also of features, which values come, go or change, and who reads them."""

    kind: str
    name: str
    change: str
    means: str = ""


@dataclasses.dataclass(frozen=True)
class ServiceVersion:
    """A definition that a feature service has had: all that its rows are made of, in force from `since` until the next version."""

    service: str
    version: int
    since: dt.datetime
    definition: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A version of a dataset. `new`: whether this ingest made it; the same rows make no new one."""

    dataset: str
    version: int
    rows: int
    quarantined: int
    digest: str
    new: bool


def _path(*parts: str) -> str:
    return "/slipway/v1/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    for at in range(0, table.num_rows, _ROWS_A_CALL):
        yield table.slice(at, _ROWS_A_CALL)


class Client:
    """Talks to a server. Safe to use from several threads.

    `url`: the server's, or the environment's SLIPWAY_URL, or http://127.0.0.1:5000. `token`: with login; or the environment's SLIPWAY_TOKEN.
    `timeout`: seconds until an answer begins. `retries`: how often a request is sent again when nobody answers or the server says 429, 502, 503
    or 504, with waits that double from 0.1 s to 5 s; everything here may be done twice with the effect of once, but `push` of rows without
    their arrival time.

    All methods raise SlipwayError: InvalidArgument, NotFound, FailedPrecondition, Unauthenticated, PermissionDenied, Unavailable,
    DeadlineExceeded and so on, with the server's message.
    """

    def __init__(self, url: str | None = None, token: str | None = None, *, timeout: float = 60.0, retries: int = 4):
        self._http = Transport(url or os.environ.get("SLIPWAY_URL") or "http://127.0.0.1:5000", token or os.environ.get("SLIPWAY_TOKEN"), timeout, retries)
        self._outputs: dict[str, dict[str, str]] = {}

    # Definitions

    def plan(self, project: Project) -> list[Change]:
        """What `apply` would change. InvalidArgument with line and column of `project.to_yaml()`."""
        return self._declare("plan", project)

    def apply(self, project: Project, *, take_over: bool = False) -> list[Change]:
        """Declares what the project says. Nothing is changed when it is refused. InvalidArgument as `plan`. FailedPrecondition: what another
        project has applied (schedules, features, routes, ...) would end; with `take_over` it does.
        """
        return self._declare("apply", project, take_over=take_over)

    def _declare(self, verb: str, project: Project, **more: bool) -> list[Change]:
        reply = self._http.json("POST", _path(verb), {"yaml": project.to_yaml(), "dir": str(project.folder), **more})
        self._outputs.clear()
        for warning in reply.get("warnings", []):
            warnings.warn(warning, stacklevel=3)
        return [Change(c["kind"], c["name"], c["change"], c.get("means", "")) for c in reply["changes"]]

    def features(self) -> dict[str, Any]:
        """Sources, views and services as they are declared, with what services give (`outputs`: name and type)."""
        return self._http.json("GET", _path("features"))

    def service_versions(self, service: Service | str) -> list[ServiceVersion]:
        """Definitions that a service has had, the newest first. NotFound: there never was such a service."""
        name = name_of(service)
        reply = self._http.json("GET", _path("features", "services", name, "versions"))
        return [ServiceVersion(name, found["version"], dt.datetime.fromisoformat(found["since"].replace("Z", "+00:00")), found["definition"])
                for found in reply["versions"]]

    # Pipelines

    def run(self, pipeline: Pipeline | PipelineFunction[Any, Any] | str, params: Mapping[str, Any] | None = None, *, priority: int | None = None,
            wait: bool = True, timeout: float = _LONG_S) -> dict[str, Any]:
        """Starts a run of a declared pipeline and gives it with its steps: `id`, `state` ("succeeded", "failed", "refused", "cancelled"), `reason`, `steps`.

        `wait`: until it is over, or a person is asked, `timeout` seconds at most (DeadlineExceeded; the run goes on). InvalidArgument: no such
        parameter. NotFound: no such pipeline.
        """
        body = {"params": plain(params or {}), "trigger_id": f"sdk:{uuid.uuid4()}"} | ({} if priority is None else {"priority": priority})
        run = self._http.json("POST", _path("pipelines", name_of(pipeline), "runs"), body)
        until, pause = time.monotonic() + timeout, 0.05
        while wait and run["finished_at"] is None and not self._asks(run):
            if time.monotonic() > until:
                raise DeadlineExceeded(f"the run isn't over after {timeout} s: run={run['id']}")
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)
            run = self._http.json("GET", _path("pipeline-runs", run["id"]))
        return run

    def _asks(self, run: Mapping[str, Any]) -> bool:
        """Whether a step of it, or of a pipeline that it runs, waits for a person."""
        for step in run.get("steps", []):
            if step["state"] == "waiting" and not step.get("waits_for"):
                return True
            inner = step.get("nested_run") if step["state"] == "running" else None
            if inner and self._asks(self._http.json("GET", _path("pipeline-runs", inner))):
                return True
        return False

    def log(self, run: str, step: str) -> str:
        """What a step of a run has written so far. NotFound: no such run or step."""
        body, _ = self._http.call("GET", _path("pipeline-runs", run, "steps", step, "log"))
        return body.decode(errors="replace")

    # Rows in

    def ingest(self, dataset: Dataset | str, rows: Any = None, *, path: str | pathlib.Path | None = None, pushed: bool = False,
               accept: bool = False, timeout: float = _LONG_S) -> Snapshot:
        """Reads the dataset's rows from where they are declared, checks them and keeps them as a version.

        `rows`: these instead, as for `push`; they are all of the version. `pushed`: the newest version and what was pushed to sources of the dataset,
        by anybody or from topics, so that training sets have it too. `path`: another file, folder or s3:// address, on the server's machine, from
        the project's folder. `accept`: also when it differs from the last version by more than the checks allow. FailedPrecondition: rows break a rule
        and the dataset rejects them, a check of the version fails, or the columns are not those of the last version.
        InvalidArgument names file, line and column. NotFound: no such dataset, file or folder. TypeError: several of rows, path and pushed.
        """
        if (rows is not None) + (path is not None) + pushed > 1:
            raise TypeError("either rows, a path or what was pushed")
        if rows is None:
            body = {"path": os.fspath(path)} if path is not None else {"pushed": True} if pushed else {}
            reply = self._http.json("POST", _path("datasets", name_of(dataset), "ingest"), body | ({"accept": True} if accept else {}), timeout=timeout)
        else:
            file = io.BytesIO()
            pq.write_table(to_arrow(rows), file, compression="zstd")
            body, _ = self._http.call("POST", _path("datasets", name_of(dataset), "rows") + ("?accept=true" if accept else ""), file.getvalue(),
                                      {"Content-Type": "application/vnd.apache.parquet"}, timeout=timeout)
            reply = json.loads(body)
        snapshot = reply["snapshot"]
        return Snapshot(snapshot["dataset"], snapshot["version"], snapshot["rows"], snapshot["quarantined"], snapshot["digest"], reply["new"])

    def push(self, source: Source | str, rows: Any) -> int:
        """Adds rows of a source; durable and visible on return. Gives how many were new: a row that is there already changes nothing.

        `rows`: pandas, polars, Arrow, columns by name or a list of mappings, with the columns of the source's dataset. Without the arrival time
        column they arrive now, and a request that is sent again counts them once more. InvalidArgument names row and column; pieces of 5,000 rows before it are pushed.
        """
        added = 0
        for piece in _pieces(to_arrow(rows)):
            added += self._http.json("POST", _path("features", "push"), {"source": name_of(source), "rows": json_rows(piece)})["added"]
        return added

    def materialize(self, as_of: Time | None = None, *, timeout: float = _LONG_S) -> int:
        """Loads for online reads what the datasets knew at `as_of` (now, if nothing is said). Gives the number of rows."""
        body = {"as_of": moment(as_of or dt.datetime.now(dt.timezone.utc))}
        return self._http.json("POST", _path("features", "materialize"), body, timeout=timeout)["rows"]

    def rows(self, dataset: Dataset | str, *, version: int | None = None, kind: Kind = "arrow") -> Any:
        """The rows of a dataset's newest version, or of `version`, as a frame. NotFound: nothing was ingested, or not that version."""
        path = _path("datasets", name_of(dataset), "rows") + _query(version=None if version is None else str(version))
        reply, _ = self._http.call("GET", path, timeout=_LONG_S)
        return from_arrow(pq.read_table(pa.BufferReader(reply)), kind)

    # Features out

    def online(self, service: Service | str, rows: Any, *, as_of: Time | None = None, kind: Kind | None = None) -> Any:
        """A service's features for many request rows, as known at each row's event time, or all at `as_of`.

        `rows`: as for `push`, with the columns of the service's request; a missing column or cell is a missing value. Gives a frame of the features
        in the service's order, one row for each of `rows`: pandas for pandas, polars for polars, else Arrow, or what `kind` says. Numbers are
        float64, times are microseconds in UTC; what isn't known is null (NaN in pandas). `service_version()` tells which version of the service they
        are of. NotFound: no such service. Conflict: it was declared anew meanwhile.
        """
        name = name_of(service)
        table, columns, version = to_arrow(rows), None, None
        types = self._types(name)
        for piece in _pieces(table):
            body = {"service": name, "rows": json_rows(piece)} | ({} if as_of is None else {"as_of": moment(as_of)})
            reply = self._http.json("POST", _path("features", "online"), body)
            if version not in (None, reply["version"]):
                raise Conflict(f"the service was declared anew while its rows were read: ask again: service={name} versions={version},{reply['version']}")
            version = reply["version"]
            if reply["names"] != list(types):  # declared anew before
                self._outputs.pop(name, None)
                types = self._types(name)
            cells = list(zip(*reply["rows"], strict=True))
            fresh = [feature_column(column, types[feature]) for column, feature in zip(cells, reply["names"], strict=True)]
            columns = [[column] for column in fresh] if columns is None else [[*before, column] for before, column in zip(columns, fresh, strict=True)]
        arrays = [pa.chunked_array(column) for column in columns] if columns else [feature_column([], t) for t in types.values()]
        return _of_version(pa.table(dict(zip(types, arrays, strict=True))), kind or kind_of(rows), name, version)

    def _types(self, service: str) -> dict[str, str]:
        if service not in self._outputs:
            for known in self.features()["services"]:
                self._outputs[known["name"]] = {output["name"]: output["type"] for output in known["outputs"]}
        if service not in self._outputs:
            raise NotFound(f"no such feature service: service={service}", status=404)
        return self._outputs[service]

    def training_set(self, service: Service | str, entities: Any, *, label: str | None = None, as_of: Time | None = None, start: Time | None = None,
                     end: Time | None = None, kind: Kind | None = None, timeout: float = _LONG_S) -> Any:
        """A training set: the service's features for past rows, each as known at its own event time.

        `entities`: a dataset or its name, or rows as for `push`, with the service's request columns. `as_of`: what is known; if nothing is said, now,
        and of rows that are given everything. Of a dataset also: `label`, an expression over its columns, "late = arr_delay > 15", where rows whose
        label was not known at `as_of` are left out; `start`, `end`: event time of the rows, from and before (TypeError with rows).

        Gives of a dataset its key, the event time, the label and when it was known (`late_known_at`), then the features; of rows their own columns,
        then the features. A frame as for `online`, which `service_version()` knows. `timeout`: seconds until the answer begins, which is when the whole is made.
        """
        headers = {"Accept": _ARROW_STREAM}
        if isinstance(entities, (Dataset, str)):
            body = {"service": name_of(service), "entities": name_of(entities), "as_of": moment(as_of or dt.datetime.now(dt.timezone.utc))}
            given = {"label": label, "from": None if start is None else moment(start), "until": None if end is None else moment(end)}
            body |= {key: value for key, value in given.items() if value is not None}
            reply, replied = self._http.call("POST", _path("features", "history"), json.dumps(body).encode(),
                                             headers | {"Content-Type": "application/json"}, timeout=timeout)
            return _of_version(_table(reply, replied), kind or "arrow", name_of(service), replied.get("slipway-service-version"))
        if not (label is None and start is None and end is None):
            raise TypeError("label, start and end are of a dataset's rows; rows that are given bring their own")
        table, sink = to_arrow(entities), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        query = _query(service=name_of(service), as_of=None if as_of is None else moment(as_of))
        reply, replied = self._http.call("POST", _path("features", "history", "rows") + query, sink.getvalue(), headers | {"Content-Type": _ARROW_STREAM},
                                         timeout=timeout)
        return _of_version(_table(reply, replied), kind or kind_of(entities), name_of(service), replied.get("slipway-service-version"))

    def view(self, view: View | str, keys: Any = None) -> Profile:
        """What a view's features look like online now: types, what is missing, histograms; notebooks show it as a table.

        `keys`: rows with the view's key columns; without them up to 1,000 keys of its dataset's newest version. NotFound: no such view.
        InvalidArgument: the view has no keys (profile what `online` gives instead).
        """
        name, declared = name_of(view), self.features()
        found = next((known for known in declared["views"] if known["name"] == name), None)
        if found is None:
            raise NotFound(f"no such view: view={name}", status=404)
        if not found["keys"]:
            raise InvalidArgument(f"the view is computed from a request, it has no keys: view={name}")
        if keys is None:
            source = next(known for known in declared["sources"] if known["name"] == found["source"])
            keys = self.rows(source["dataset"]).select(found["keys"]).group_by(found["keys"]).aggregate([])
        table = to_arrow(keys).select(found["keys"]).drop_null().slice(0, _KEYS_SHOWN)
        entities = {key: json_column(table, key) for key in found["keys"]}
        columns: dict[str, pa.Array] = {feature["name"]: feature_column([], feature["type"]) for feature in found["outputs"]}
        if table.num_rows:
            bare = {feature["name"].removeprefix(f"{name}__"): feature for feature in found["outputs"]}
            body = {"features": [f"{name}:{feature}" for feature in bare], "entities": entities}
            reply = self._http.json("POST", "/get-online-features", body)
            for feature, result in zip(reply["metadata"]["feature_names"], reply["results"], strict=True):
                if feature in bare:
                    columns[bare[feature]["name"]] = seconds_column(result["values"], bare[feature]["type"])
        return profile(pa.table(columns), f"{name} ({', '.join(found['keys'])})")

    # Training-serving skew

    def skew(self, endpoint: Endpoint | str | None = None) -> dict[str, Any]:
        """Served values that differ when they are recomputed, by endpoint and feature, with the reason; of one endpoint, or of all."""
        return self._http.json("GET", _path("features", "skew") + _query(endpoint=None if endpoint is None else name_of(endpoint)))

    def explain(self, request: str, *, endpoint: Endpoint | str | None = None, feature: str | None = None) -> dict[str, Any]:
        """A served request by its id: its values, recomputed, and the rows they come from. NotFound: no such request."""
        name = None if endpoint is None else name_of(endpoint)
        return self._http.json("GET", _path("features", "explain") + _query(request=request, endpoint=name, feature=feature))


_SERVICE, _VERSION = "slipway.service", "slipway.service_version"  # of an Arrow table's metadata, or the attrs of a frame of pandas


def _of_version(table: pa.Table, kind: Kind, service: str, version: int | str | None) -> Any:
    """The table as `kind`, knowing of which version of the service it is."""
    if version is None:  # no rows were asked for
        return from_arrow(table, kind)
    if kind == "arrow":
        return table.replace_schema_metadata((table.schema.metadata or {}) | {_SERVICE.encode(): service.encode(), _VERSION.encode(): str(version).encode()})
    frame = from_arrow(table, kind)
    if kind == "pandas":
        frame.attrs |= {_SERVICE: service, _VERSION: int(version)}
    return frame


def service_version(rows: Any) -> int | None:
    """The version of the service that `online` or `training_set` has answered with, of their Arrow table or pandas frame (also from a Parquet file of
    one). None: these rows don't say, as polars keeps no such notes."""
    if isinstance(rows, pa.Table):
        noted = (rows.schema.metadata or {}).get(_VERSION.encode())
        return None if noted is None else int(noted)
    return getattr(rows, "attrs", {}).get(_VERSION)


def _table(body: bytes, headers: Mapping[str, str]) -> pa.Table:
    """A reply of rows, as Arrow stream or Parquet file. Looks into the body, without copying."""
    if headers.get("content-type", "").startswith(_ARROW_STREAM):
        return pa.ipc.open_stream(pa.BufferReader(body)).read_all()
    return pq.read_table(pa.BufferReader(body))


def _query(**parameters: str | None) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return "?" + urllib.parse.urlencode(given) if given else ""

