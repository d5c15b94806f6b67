"""Aggregates of a view's windows. Expressions are texts in Slipway's language: `mean("arr_delay > 15")`.

Missing values are passed over. Of no values `count` and `distinct` give 0 and the others a missing value.
"""
import dataclasses

from slipway.document import Part


@dataclasses.dataclass(frozen=True)
class Aggregate(Part):
    """One number, text or time of the rows in a window: `function(expression)`, or with a parameter behind it."""

    function: str
    expression: str = ""
    parameter: float | int | None = None

    def document(self) -> str:
        inside = self.expression if self.parameter is None else f"{self.expression}, {self.parameter!r}"
        return f"{self.function}({inside})"


def count(expression: str = "") -> Aggregate:
    """Rows; with an expression, rows in which it is there."""
    return Aggregate("count", expression)


def sum(expression: str) -> Aggregate:  # noqa: A001
    """The sum of numbers, in the unit of the expression."""
    return Aggregate("sum", expression)


def mean(expression: str) -> Aggregate:
    """The mean of numbers; of a condition, the share of rows in which it holds, 0 to 1."""
    return Aggregate("mean", expression)


def min(expression: str) -> Aggregate:  # noqa: A001
    """The least number, time or text (by its bytes)."""
    return Aggregate("min", expression)


def max(expression: str) -> Aggregate:  # noqa: A001
    """The greatest number, time or text (by its bytes)."""
    return Aggregate("max", expression)


def variance(expression: str) -> Aggregate:
    """Of a sample, divided by n - 1; missing for one value."""
    return Aggregate("variance", expression)


def stddev(expression: str) -> Aggregate:
    """The root of `variance`."""
    return Aggregate("stddev", expression)


def first(expression: str) -> Aggregate:
    """The earliest value by event time, then arrival time."""
    return Aggregate("first", expression)


def last(expression: str) -> Aggregate:
    """The latest value by event time, then arrival time."""
    return Aggregate("last", expression)


def distinct(expression: str) -> Aggregate:
    """How many different values."""
    return Aggregate("distinct", expression)


def mode(expression: str) -> Aggregate:
    """The most frequent value; of equally frequent ones the least."""
    return Aggregate("mode", expression)


def top_k(expression: str, k: int) -> Aggregate:
    """The k (1 to 100) most frequent values, as a JSON list in a text. ValueError: another k."""
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= 100:
        raise ValueError(f"top_k: k is a whole number from 1 to 100: {k!r}")
    return Aggregate("top_k", expression, k)


def quantile(expression: str, q: float) -> Aggregate:
    """The exact quantile, q from 0 to 1, linear between neighbours. ValueError: another q."""
    if not 0 <= q <= 1:
        raise ValueError(f"quantile: q is from 0 to 1: {q!r}")
    return Aggregate("quantile", expression, q)
