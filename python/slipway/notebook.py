"""What rows look like, as a table for notebooks: a line a column with its type, what is missing, and a small histogram."""
import datetime as dt
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from slipway.frames import to_arrow

_BINS, _TOP, _WIDTH, _HEIGHT = 20, 10, 120, 24


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: a value, or a range from `label`; and how many rows."""

    label: str
    rows: int


@dataclass(frozen=True)
class ColumnProfile:
    """One column. `low`, `high`: least and greatest, of texts none. `bars`: equal ranges of numbers and times; the most frequent texts first."""

    name: str
    type: str
    rows: int
    missing: int
    low: str
    high: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Profile:
    """What a frame looks like. Shown as a table by notebooks."""

    title: str
    rows: int
    columns: Sequence[ColumnProfile]

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("column", "type", "missing", "least", "greatest", "values"))
        lines = "".join(_line(column) for column in self.columns)
        return (f"<div><b>{html.escape(self.title)}</b> {self.rows:,} rows"
                f"<table style='border-collapse:collapse'><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>")

    def __str__(self) -> str:
        return "\n".join([f"{self.title}: {self.rows} rows", *(f"  {c.name}: {c.type}, {c.missing} missing, {c.low} to {c.high}" for c in self.columns)])


def profile(rows: Any, title: str = "") -> Profile:
    """What rows look like: pandas, polars, Arrow, columns by name or a list of mappings."""
    table = to_arrow(rows)
    return Profile(title, table.num_rows, [_column(name, column.combine_chunks()) for name, column in zip(table.column_names, table.columns, strict=True)])


def _column(name: str, column: Any) -> ColumnProfile:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind, values = str(column.type), column
    if pa.types.is_floating(column.type):
        values = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
    present = values.drop_null()
    missing = len(column) - len(present)
    if len(present) == 0:
        return ColumnProfile(name, kind, len(column), missing, "", "", [])
    if pa.types.is_integer(kind_ := column.type) or pa.types.is_floating(kind_) or pa.types.is_temporal(kind_) or pa.types.is_decimal(kind_):
        least, greatest = pc.min(present).as_py(), pc.max(present).as_py()
        return ColumnProfile(name, kind, len(column), missing, _text(least), _text(greatest), _ranges(present))
    try:
        counts = pc.value_counts(present).to_pylist()
    except pa.ArrowNotImplementedError:  # lists, structs
        return ColumnProfile(name, kind, len(column), missing, "", "", [])
    counts.sort(key=lambda count: (-count["counts"], str(count["values"])))
    return ColumnProfile(name, kind, len(column), missing, "", "", [Bar(_text(c["values"]), c["counts"]) for c in counts[:_TOP]])


def _ranges(present: Any) -> list[Bar]:
    if pa.types.is_temporal(present.type):
        numbers = present.cast(pa.timestamp("us")) if pa.types.is_date(present.type) else present
        numbers = numbers.cast(pa.int64() if numbers.type.bit_width == 64 else pa.int32()).cast(pa.float64(), safe=False)
    else:
        numbers = present.cast(pa.float64(), safe=False)
    low, high = pc.min(numbers).as_py(), pc.max(numbers).as_py()
    if low == high:
        return [Bar(_text(pc.min(present).as_py()), len(present))]
    width = (high - low) / _BINS
    places = pc.min_element_wise(pc.floor(pc.divide(pc.subtract(numbers, low), width)), pa.scalar(float(_BINS - 1)))
    found = {int(count["values"]): count["counts"] for count in pc.value_counts(places).to_pylist()}
    is_time = pa.types.is_temporal(present.type)
    label = (lambda at: "") if is_time else (lambda at: _text(low + at * width))
    return [Bar(label(at), found.get(at, 0)) for at in range(_BINS)]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _line(column: ColumnProfile) -> str:
    share = f"{column.missing:,} ({column.missing / column.rows:.1%})" if column.rows else "0"
    cells = "".join(f"<td style='padding:2px 12px 2px 0'>{html.escape(text)}</td>" for text in (column.name, column.type, share, column.low, column.high))
    return f"<tr>{cells}<td>{_histogram(column.bars)}</td></tr>"


def _histogram(bars: Sequence[Bar]) -> str:
    if not bars:
        return ""
    most, width, shapes = max(bar.rows for bar in bars), _WIDTH / len(bars), []
    for at, bar in enumerate(bars):
        height = _HEIGHT * bar.rows / most
        title = html.escape(f"{bar.label}: {bar.rows:,}" if bar.label else f"{bar.rows:,}")
        shapes.append(f"<rect x='{at * width:.1f}' y='{_HEIGHT - height:.1f}' width='{width * 0.9:.1f}' height='{height:.1f}'><title>{title}</title></rect>")
    return f"<svg width='{_WIDTH}' height='{_HEIGHT}' role='img' fill='currentColor' opacity='0.7'>{''.join(shapes)}</svg>"
