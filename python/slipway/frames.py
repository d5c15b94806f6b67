"""Rows as pandas, polars or Arrow, in and out. pandas and polars are imported only where they are used."""
import datetime as dt
import decimal
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

Kind = Literal["arrow", "pandas", "polars"]


def kind_of(rows: Any) -> Kind:
    """What answers to these rows are given as: pandas for pandas, polars for polars, Arrow for everything else."""
    module = type(rows).__module__.partition(".")[0]
    return module if module in ("pandas", "polars") else "arrow"  # type: ignore[return-value]


def to_arrow(rows: Any) -> pa.Table:
    """The rows as one Arrow table. Without copying for Arrow, polars (but for its texts) and whatever else gives an Arrow stream; pandas without
    its index.

    A mapping is columns by name; any other sequence is mappings, one a row. TypeError for anything else.
    """
    if isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if kind_of(rows) == "pandas":
        return pa.Table.from_pandas(rows, preserve_index=False)
    if hasattr(rows, "__arrow_c_stream__"):
        return _known_texts(pa.table(rows))
    if isinstance(rows, Mapping):
        return pa.table({str(name): column for name, column in rows.items()})
    if isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)) and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return pa.table({name: [row.get(name) for row in rows] for name in names})
    raise TypeError(f"rows are a DataFrame of pandas or polars, an Arrow table, columns by name or a list of mappings, not {type(rows).__name__}")


def _known_texts(table: pa.Table) -> pa.Table:
    """Texts as Arrow has always had them: polars gives views, which not every reader knows."""
    is_view = getattr(pa.types, "is_string_view", lambda kind: False)
    for at, field in enumerate(table.schema):
        if is_view(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.string()))
    return table


def from_arrow(table: pa.Table, kind: Kind) -> Any:
    """The table as what `kind` says; polars without copying, pandas with numpy's types. ImportError: it isn't installed."""
    if kind == "arrow":
        return table
    if kind == "pandas":
        return table.to_pandas()
    if kind == "polars":
        import polars
        return polars.from_arrow(table)
    raise ValueError(f"rows are given as arrow, pandas or polars, not {kind!r}")


def _plain(table: pa.Table) -> pa.Table:
    """Columns whose values are plain Python's: times in UTC and microseconds, texts instead of dictionaries."""
    for at, field in enumerate(table.schema):
        column, kind = table.column(at), field.type
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        if column.type != kind:
            table = table.set_column(at, field.name, column)
    return table


def _cell(value: Any, column: str) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # what is not finite is missing
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
        return aware.astimezone(dt.timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return f"{value.isoformat()}T00:00:00Z"
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"column {column}: a {type(value).__name__} is no number, text, condition or time")


def json_column(table: pa.Table, name: str) -> list[Any]:
    """One column as json_rows() has it."""
    return [_cell(value, name) for value in _plain(table.select([name])).column(0).to_pylist()]


def json_rows(table: pa.Table) -> list[dict[str, Any]]:
    """One object a row. A time without a zone is UTC. TypeError naming the column of a value that is no number, text, condition or time."""
    names = table.column_names
    columns = [json_column(table, name) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


_ARROW = {"number": pa.float64(), "condition": pa.bool_(), "text": pa.string(), "timestamp": pa.timestamp("us", "UTC")}


def feature_column(values: Sequence[Any], kind: str) -> pa.Array:
    """Feature values from JSON: numbers are float64, conditions bool, times microseconds in UTC."""
    if kind == "condition":
        values = [None if value is None else bool(value) for value in values]
    if kind == "timestamp":
        values = [None if value is None else dt.datetime.fromisoformat(value.replace("Z", "+00:00")) for value in values]
    return pa.array(values, _ARROW[kind])


def seconds_column(values: Sequence[Any], kind: str) -> pa.Array:
    """As feature_column(), of times as seconds since 1970."""
    if kind != "timestamp":
        return feature_column(values, kind)
    return pa.array([None if value is None else dt.datetime.fromtimestamp(value, dt.timezone.utc) for value in values], _ARROW[kind])
