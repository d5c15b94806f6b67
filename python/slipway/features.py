"""Datasets, and the features that are computed from them."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from slipway.agg import Aggregate
from slipway.document import DURATION, DURATIONS, NAME, REFERENCE, REFERENCES, About, Duration, Part, check_name, duration, name_of, plain

Type = Literal["double", "int64", "bool", "string", "timestamp"]


@dataclass(frozen=True, kw_only=True)
class Column(Part):
    """What must hold for a column's values; what is left out isn't checked. `one_of`: the texts that are allowed. `pattern`: a regular
    expression (RE2) that is found in each text; "^...$" is all of it. `tags`: what the values are, such as "pii": who may see them goes by it."""

    type: Type | None = None
    min: float | None = None
    max: float | None = None
    one_of: Sequence[str] | None = field(default=None, metadata={"key": "in"})
    pattern: str | None = None
    required: bool | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Postgres(Part):
    """Rows of a PostgreSQL database: of a table, or of a query. `url` may name the server's environment: "${WAREHOUSE_URL}"."""

    url: str
    table: str | None = None
    query: str | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None):
            raise ValueError("postgres: either a table or a query")


@dataclass(frozen=True, kw_only=True)
class Csv(Part):
    """How CSV files are written. `missing`: texts that mean a missing value, beside the empty cell."""

    delimiter: str = ","
    missing: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RowCount(Part):
    """How many rows a version has; `change_max`: against the version before, as a share of it."""

    min: int | None = None
    max: int | None = None
    change_max: float | None = None


@dataclass(frozen=True, kw_only=True)
class Checks(Part):
    """What must hold of a version as a whole. `quarantined_max`, `missing_max` (by column): shares of rows. `unique`: columns, or lists of columns, whose
    values appear once. `age_max`: how old the newest event_time may be. `drift_max` (by column): how far from the version before, from 0 to 1. What
    fails is not taken in (reject), or only told (flag)."""

    rows: RowCount | None = None
    quarantined_max: float | None = None
    missing_max: Mapping[str, float] = field(default_factory=dict)
    unique: Sequence[str | Sequence[str]] = ()
    age_max: Duration | None = field(default=None, metadata=DURATION)
    drift_max: Mapping[str, float] = field(default_factory=dict)
    on_failed: Literal["reject", "flag"] | None = None


@dataclass(frozen=True)
class Dataset(Part):
    """Rows that are read, checked and kept as versions.

    `path`: a Parquet or CSV file, or a folder of them, from the project's folder, or an s3:// address; or `postgres`. `event_time`: the column that
    says when a row was true; `arrival_time`: when it could be known. Rows that break a rule are put aside (quarantine), or nothing is taken in
    (reject), or they are only counted (flag): rules are of columns, or of rows, conditions of the expression language by name (`rules`). `checks` are of
    a version as a whole. `format` is told by the files' endings if nothing is said. `keep`: how long versions have rows, but the newest.
    """

    name: str = field(metadata=NAME)
    path: str | None = None
    key: Sequence[str] = ()
    event_time: str | None = None
    arrival_time: str | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    on_violation: Literal["quarantine", "reject", "flag"] | None = None
    checks: Checks | None = None
    format: Literal["parquet", "csv"] | None = None
    csv: Csv | None = None
    postgres: Postgres | None = None
    keep: Duration | None = field(default=None, metadata=DURATION)

    def __post_init__(self) -> None:
        check_name("dataset", self.name)
        if (self.path is None) == (self.postgres is None):
            raise ValueError(f"dataset {self.name}: either a path or postgres")


@dataclass(frozen=True)
class Source(About):
    """Rows of a dataset as events, which can also be pushed. Without times a row is always known and always true.

    `deduplication_key`: columns that say of which event a row tells. Of rows of one key with the same the one counts that has arrived last.
    """

    name: str = field(metadata=NAME)
    dataset: Dataset | str = field(metadata=REFERENCE)
    event_time: str | None = None
    arrival_time: str | None = None
    deduplication_key: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_name("source", self.name)
        if (self.event_time is None) != (self.arrival_time is None):
            raise ValueError(f"source {self.name}: event_time and arrival_time come together")
        if self.deduplication_key and self.arrival_time is None:
            raise ValueError(f"source {self.name}: with a deduplication_key the row counts that arrived last: event_time and arrival_time are missing")


@dataclass(frozen=True)
class Entity:
    """What rows are about, a driver or an airport: a key column and its type. It stands for the column in `keys`."""

    name: str
    type: Type = "string"


@dataclass(frozen=True)
class FeatureReference(Part):
    """One feature of a view, `view["mean_delay_1h"]`, or a column of the request, `request("dist")`."""

    view: "View | OnDemandView | None"
    feature: str

    def document(self) -> str:
        return f"{self.view.name if self.view else 'request'}.{self.feature}"


def request(column: str) -> FeatureReference:
    """A column of the request, passed on as a feature."""
    return FeatureReference(None, column)


class _HasFeatures:
    def __getitem__(self, feature: str) -> FeatureReference:
        names = self.feature_names()  # type: ignore[attr-defined]
        if feature not in names:
            raise KeyError(f"view {self.name} has no feature {feature}; it has {', '.join(names)}")  # type: ignore[attr-defined]
        return FeatureReference(self, feature)  # type: ignore[arg-type]


@dataclass(frozen=True)
class View(_HasFeatures, About):
    """Features of the rows of a source, by key.

    With `windows` and `aggregates`: every aggregate over every window, as `aggregate_window`. With `columns`: expressions over the newest known
    row of a key, missing when it is older than `ttl`.

    With a `resolution`, of which every window is a multiple, a window begins at a multiple of it: at time t it has the events after
    t - window, rounded down, up to t. What it takes online no longer grows with the rows.
    """

    name: str = field(metadata=NAME)
    source: Source | str = field(metadata=REFERENCE)
    keys: Sequence[Entity | str] = field(metadata=REFERENCES)
    windows: Sequence[Duration] = field(default=(), metadata=DURATIONS)
    aggregates: Mapping[str, Aggregate | str] = field(default_factory=dict)
    ttl: Duration | None = field(default=None, metadata=DURATION)
    columns: Mapping[str, str] = field(default_factory=dict)
    resolution: Duration | None = field(default=None, metadata=DURATION)

    def __post_init__(self) -> None:
        check_name("view", self.name)
        if isinstance(self.keys, (str, Entity)):
            raise ValueError(f"view {self.name}: keys is a list")
        if not self.keys:
            raise ValueError(f"view {self.name}: keys are missing")
        if bool(self.windows) != bool(self.aggregates):
            raise ValueError(f"view {self.name}: windows and aggregates come together")
        if bool(self.windows) == bool(self.columns):
            raise ValueError(f"view {self.name}: has either windows with aggregates or columns")
        if self.resolution is not None and not self.windows:
            raise ValueError(f"view {self.name}: a resolution is for windows, and there are none")

    def feature_names(self) -> list[str]:
        """As they are called within the view."""
        return [*self.columns, *(f"{a}_{duration(w)}" for a in self.aggregates for w in self.windows)]


@dataclass(frozen=True)
class OnDemandView(_HasFeatures, About):
    """Features that are computed from the request alone: expressions over its columns."""

    name: str = field(metadata=NAME)
    columns: Mapping[str, str]

    def __post_init__(self) -> None:
        check_name("view", self.name)
        if not self.columns:
            raise ValueError(f"view {self.name}: columns are missing")

    def feature_names(self) -> list[str]:
        return list(self.columns)


@dataclass(frozen=True)
class Service(About):
    """What one model reads, in order: whole views, features of views, columns of the request.

    `event_time`: the column of the request that says when the prediction is asked for. `request`: its columns and their types; keys of views
    given as entities, and the event time, are added when they aren't there.
    """

    name: str = field(metadata=NAME)
    features: "Sequence[View | OnDemandView | FeatureReference | str]"
    event_time: str = "event_timestamp"
    request: Mapping[str, Type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("service", self.name)
        if not self.features:
            raise ValueError(f"service {self.name}: features are missing")

    def views(self) -> "list[View | OnDemandView]":
        """Those that are given as objects."""
        given = [f.view if isinstance(f, FeatureReference) else f for f in self.features]
        return [view for view in given if isinstance(view, (View, OnDemandView))]

    def request_columns(self) -> dict[str, str]:
        columns: dict[str, str] = dict(self.request)
        for view in self.views():
            for key in view.keys if isinstance(view, View) else ():
                if isinstance(key, Entity):
                    columns.setdefault(key.name, key.type)
        columns.setdefault(self.event_time, "timestamp")
        return columns

    def document(self) -> dict[str, Any]:
        features = [f.name if isinstance(f, (View, OnDemandView)) else plain(f) for f in self.features]
        about = {k: v for k, v in super().document().items() if k in ("owner", "description", "tags")}
        return {"event_time": self.event_time, **about, "request": self.request_columns(), "features": features}

