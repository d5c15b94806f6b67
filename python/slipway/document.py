"""Definitions as the document slipway.yaml, and that as text. No more YAML than the document needs."""
import dataclasses
import datetime as dt
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Union

Duration = Union[str, dt.timedelta]  # "15m", "24h", "21d": a whole number and ms, s, m, h, d or w
Time = Union[str, dt.datetime]  # RFC 3339, or a datetime with a zone

_DURATION = re.compile(r"[0-9]+(ms|s|m|h|d|w)")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class Moment(str):
    """A time or a length of time: stands in the text as it is."""


def duration(value: Duration) -> Moment:
    """The text of a length of time. ValueError: negative, below a millisecond, or no such text."""
    if isinstance(value, str):
        if not _DURATION.fullmatch(value):
            raise ValueError(f"not a duration (a whole number and ms, s, m, h, d or w): {value!r}")
        return Moment(value)
    micros = value // dt.timedelta(microseconds=1)
    if micros < 0 or micros % 1000:
        raise ValueError(f"a duration is a whole number of milliseconds: {value!r}")
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if micros // 1000 % size == 0 and (micros or unit == "s"):
            return Moment(f"{micros // 1000 // size}{unit}")
    raise AssertionError(value)


def moment(value: Time) -> Moment:
    """The RFC 3339 text of a moment in UTC. ValueError: a datetime without a zone, or no such text."""
    if isinstance(value, str):
        if not _TIME.fullmatch(value):
            raise ValueError(f"not a time (RFC 3339 with a zone, or a date): {value!r}")
        return Moment(value)
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone could be any moment: {value!r}")
    return Moment(value.astimezone(dt.timezone.utc).isoformat().replace("+00:00", "Z"))


def is_name(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_-]+", text))


def name_of(part: Any) -> str:
    """Of a definition, or the name itself."""
    return part if isinstance(part, str) else part.name


# How a field of a Part is written, where that isn't plain(): dataclasses.field(metadata=...).
NAME = {"key": None}  # not at all: it is the key of the part
REFERENCE = {"write": name_of}
DURATION = {"write": lambda value: duration(value)}
DURATIONS = {"write": lambda values: [duration(value) for value in values]}
REFERENCES = {"write": lambda parts: [name_of(part) for part in parts]}


class Part:
    """A piece of the document: a dataclass whose fields are its keys. What is None or empty is left out."""

    def document(self) -> Any:
        out = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            key, value = field.metadata.get("key", field.name), getattr(self, field.name)
            if key is None or value is None or (isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) and not value):
                continue
            out[key] = field.metadata.get("write", plain)(value)
        return out


@dataclasses.dataclass(frozen=True, kw_only=True)
class About(Part):
    """What people want to know of a source, view or service; means nothing to the data."""

    owner: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None


def check_name(kind: str, name: str) -> None:
    if not is_name(name):
        raise ValueError(f"{kind} {name!r}: a name has letters, digits, _ and -")


def plain(value: Any) -> Any:
    """Mappings, lists, texts, numbers and conditions. TypeError for what the document can't hold."""
    if isinstance(value, Part):
        return value.document()
    if isinstance(value, dt.timedelta):
        return duration(value)
    if isinstance(value, dt.datetime):
        return moment(value)
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    raise TypeError(f"slipway.yaml can't hold a {type(value).__name__}: {value!r}")


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"slipway.yaml can't hold the number {value}")
        return repr(value)
    if isinstance(value, Moment) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


_WIDTH = 100


def to_yaml(document: Mapping[str, Any], indent: int = 0) -> str:
    """The document as text: what fits on a line stands on one."""
    out, pad = [], " " * indent
    for key, value in document.items():
        line = f"{pad}{_scalar(key)}: {_flow(value)}\n"
        nested = isinstance(value, Mapping) and value
        if nested and (indent == 0 or len(line) > _WIDTH or any(isinstance(item, (Mapping, list)) for item in value.values())):
            out.append(f"{pad}{_scalar(key)}:\n{to_yaml(value, indent + 2)}")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            out.append(f"{pad}{_scalar(key)}:\n")
            for item in value:
                lines = to_yaml(item, indent + 4)
                out.append(f"{pad}  - {lines[indent + 4:]}")
        else:
            out.append(line)
    return "".join(out)
