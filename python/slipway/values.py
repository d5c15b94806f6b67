"""What steps take and give: which annotations there are, and how values are written as words of a command and as files.

    int, float, bool, list, dict, Any, Literal, and unions of them     JSON
    str, datetime                                                      text
    DataFrame of pandas or polars, pyarrow.Table                       Parquet
    Path, File, Folder                                                 as they are
    Model                                                              JSON: which version
"""
import abc
import collections.abc
import dataclasses
import datetime as dt
import json
import os
import pathlib
import re
import shutil
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.document import moment, name_of
from slipway.frames import Kind as FrameKind
from slipway.frames import from_arrow, to_arrow

File = Annotated[pathlib.Path, "file"]
Folder = Annotated[pathlib.Path, "folder"]

_DATASET = "dataset:"


@dataclasses.dataclass(frozen=True)
class Model:
    """A version of a registered model, by its number or by the alias that points to it. `uri` is what mlflow loads. ValueError: neither or both."""

    name: str
    alias: str | None = None
    version: int | None = None

    def __post_init__(self) -> None:
        if (self.alias is None) == (self.version is None):
            raise ValueError(f"model {self.name}: either an alias or a version")

    @property
    def uri(self) -> str:
        return f"models:/{self.name}" + (f"/{self.version}" if self.alias is None else f"@{self.alias}")

    @classmethod
    def from_uri(cls, uri: str) -> "Model":
        """ValueError: it is no models:/NAME/VERSION or models:/NAME@ALIAS."""
        found = re.fullmatch(r"models:/([^@]+)@([^@/]+)|models:/(.+)/([0-9]+)", uri)
        if not found:
            raise ValueError(f"not a model (models:/NAME/VERSION or models:/NAME@ALIAS): {uri!r}")
        return cls(found[1], alias=found[2]) if found[1] else cls(found[3], version=int(found[4]))


class Kind(abc.ABC):
    """One annotation: what values it has and how they are written. Everything raises TypeError or ValueError for a value that isn't of it."""

    name: str  # for people
    suffix: str  # of a file that holds one
    has_value = False  # conditions and lists of items may read it
    is_json = False  # with members

    @abc.abstractmethod
    def text(self, value: Any) -> str:
        """As a word of a command."""

    @abc.abstractmethod
    def from_text(self, text: str) -> Any: ...

    @abc.abstractmethod
    def write(self, value: Any, file: pathlib.Path) -> None: ...

    @abc.abstractmethod
    def read(self, file: pathlib.Path) -> Any: ...

    def from_json(self, value: Any) -> Any:
        """Of a member of JSON."""
        raise TypeError(f"it is no {self.name}")

    def takes(self, other: "Kind") -> bool:
        """Whether a file of the other one can be read as this one."""
        return type(self) is type(other)


# Plain values


def _plain(value: Any) -> Any:
    """As JSON has it: numbers of numpy are numbers, times are texts."""
    if isinstance(value, dt.datetime):
        return str(moment(value))
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, float) and value - value != 0:
        raise ValueError(f"JSON has no {value}")
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"keys of JSON are texts, not {bad[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"JSON holds no {type(value).__name__}: {value!r}")


def _time(value: Any) -> dt.datetime:
    if not isinstance(value, str):
        raise TypeError
    time = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise TypeError
    return check


def _number(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise TypeError


def _none(value: Any) -> None:
    if value is not None:
        raise TypeError


def _list_of(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [item(one) for one in _exactly(list)(value)]


def _mapping_of(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {key: item(one) for key, one in _exactly(dict)(value).items()}


def _one_of(options: tuple[Any, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        for option in options:
            if option == value and type(option) is type(value):
                return option
        raise TypeError
    return check


def _any_of(checks: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        for one in checks:
            try:
                return one(value)
            except (TypeError, ValueError):
                pass
        raise TypeError
    return check


_SIMPLE: dict[Any, Callable[[Any], Any]] = {
    int: _exactly(int), float: _number, bool: _exactly(bool), str: _exactly(str), dt.datetime: _time, list: _exactly(list), dict: _exactly(dict),
    Any: lambda value: value, object: lambda value: value, None: _none, type(None): _none, collections.abc.Sequence: _exactly(list),
    collections.abc.Mapping: _exactly(dict)}
_TEXTS = (str, dt.datetime)
_LISTS, _MAPPINGS = (list, collections.abc.Sequence), (dict, collections.abc.Mapping)


def _options(annotation: Any) -> tuple[Any, ...]:
    """Those of a union, or the annotation itself."""
    return typing.get_args(annotation) if typing.get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _checker(annotation: Any) -> Callable[[Any], Any] | None:
    """From what JSON has to the annotation's value, or TypeError. None: no plain annotation."""
    try:
        if annotation in _SIMPLE:
            return _SIMPLE[annotation]
    except TypeError:  # it has no hash
        return None
    if typing.is_typeddict(annotation):
        return _exactly(dict)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return _one_of(args)
    parts = args if len(_options(annotation)) > 1 else args[-1:]
    checks = [_checker(part) for part in parts]
    known = [check for check in checks if check is not None]
    if not known or len(known) < len(checks):
        return None
    if origin in _LISTS:
        return _list_of(known[0])
    if origin in _MAPPINGS and args[0] is str:
        return _mapping_of(known[0])
    return _any_of(known) if origin in (Union, types.UnionType) else None


def _shapes(annotation: Any) -> set[str]:
    """What JSON may have for it: all, if that can't be told."""
    origin, args = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin is Literal:
        return set().union(*(_shapes(type(word)) for word in args))
    for kinds, shape in (((bool,), "bool"), ((int, float), "number"), (_TEXTS, "text"), (_LISTS, "list"), (_MAPPINGS, "mapping")):
        if origin in kinds:
            return {shape}
    return {"mapping"} if typing.is_typeddict(origin) else {"number", "bool", "text", "list", "mapping"}


class Plain(Kind):
    """Anything that JSON holds. Texts and times are bare texts in their files; where None is allowed, an empty text is None."""

    has_value = True

    def __init__(self, annotation: Any, check: Callable[[Any], Any]):
        options = _options(annotation)
        some = [option for option in options if option not in (None, type(None))]
        self.name = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
        self._check = check
        self._may_be_none = len(some) < len(options)
        words = [word for option in some for word in (typing.get_args(option) if typing.get_origin(option) is Literal else ())]
        self._is_text = all(option in _TEXTS or (typing.get_origin(option) is Literal and all(isinstance(word, str) for word in words)) for option in some)
        self._may_be_text = self._is_text or any(option in (*_TEXTS, Any, object) for option in some) or any(isinstance(word, str) for word in words)
        self._shapes = set().union(*(_shapes(option) for option in some))
        self.suffix = ".txt" if self._is_text else ".json"
        self.is_json = not self._is_text

    def _checked(self, value: Any) -> Any:
        """What JSON has of it."""
        plain = _plain(value)
        self.from_json(plain)
        return plain

    def from_json(self, value: Any) -> Any:
        try:
            return self._check(value)
        except (TypeError, ValueError):
            raise TypeError(f"it is no {self.name}: {value!r}") from None

    def text(self, value: Any) -> str:
        plain = self._checked(value)
        if plain is None:
            return ""
        return plain if isinstance(plain, str) and self._may_be_text else json.dumps(plain, ensure_ascii=False)

    def from_text(self, text: str) -> Any:
        if text == "" and self._may_be_none:
            return None
        if not self._is_text:
            try:
                return self.from_json(json.loads(text))
            except (TypeError, ValueError):
                if not self._may_be_text:
                    raise TypeError(f"it is no {self.name}: {text!r}") from None
        return self.from_json(text)

    def write(self, value: Any, file: pathlib.Path) -> None:
        text = self.text(value) if self._is_text else json.dumps(self._checked(value), ensure_ascii=False)
        file.write_bytes(text.encode())

    def read(self, file: pathlib.Path) -> Any:
        return self.from_text(file.read_bytes().decode())

    def takes(self, other: Kind) -> bool:
        """Lists from lists, numbers from numbers; what unions and Any hold is told when it is read."""
        return isinstance(other, Plain) and other._is_text <= self._may_be_text and self._is_text <= other._is_text and bool(self._shapes & other._shapes)


# Files


class Frame(Kind):
    """Rows: of an earlier step, or of a dataset, as `dataset:NAME`."""

    suffix = ".parquet"

    def __init__(self, kind: FrameKind):
        self.name = "pyarrow.Table" if kind == "arrow" else f"{kind}.DataFrame"
        self._kind: FrameKind = kind

    def text(self, value: Any) -> str:
        if isinstance(value, DatasetRows):
            return _DATASET + name_of(value.dataset)
        raise TypeError("rows can't be written in a pipeline: give what a step returns, or rows(DATASET)")

    def from_text(self, text: str) -> Any:
        from slipway.client import Client
        if not text.startswith(_DATASET):
            raise ValueError(f"rows are of a dataset, {_DATASET}NAME: {text!r}")
        return Client().rows(text.removeprefix(_DATASET), kind=self._kind)

    def write(self, value: Any, file: pathlib.Path) -> None:
        frames = [base.__module__.partition(".")[0] for base in type(value).__mro__ if base.__name__ == "DataFrame"]
        if self._kind != "arrow" and self._kind not in frames:
            raise TypeError(f"it is no {self.name} but a {type(value).__name__}")
        table = pa.Table.from_pandas(value) if "pandas" in frames else to_arrow(value)  # with its index
        pq.write_table(table, file, compression="zstd")

    def read(self, file: pathlib.Path) -> Any:
        return from_arrow(pq.read_table(file), self._kind)


class Place(Kind):
    """A file or a folder: below the project, or written by a step."""

    suffix = ""

    def __init__(self, what: str):
        self.name, self._what = {"file": "File", "folder": "Folder"}.get(what, "Path"), what

    def text(self, value: Any) -> str:
        if not isinstance(value, (str, os.PathLike)):
            raise TypeError(f"it is no path: {value!r}")
        return os.fspath(value)

    def from_text(self, text: str) -> Any:
        return self.read(pathlib.Path(text))

    def write(self, value: Any, file: pathlib.Path) -> None:
        """Moves what is in the step's folder, copies what is elsewhere."""
        there = self.read(pathlib.Path(self.text(value))).resolve()
        if there == file.resolve():
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        if there.is_relative_to(file.parent.resolve()):
            shutil.move(there, file)
        elif there.is_dir():
            shutil.copytree(there, file, dirs_exist_ok=True)
        else:
            shutil.copy2(there, file)

    def read(self, file: pathlib.Path) -> Any:
        if not file.exists():
            raise ValueError(f"nothing is there: {file}")
        if self._what != "" and file.is_dir() != (self._what == "folder"):
            raise ValueError(f"it is no {self._what}: {file}")
        return file

    def takes(self, other: Kind) -> bool:
        return self._what != "folder" or isinstance(other, Place)  # any value is in a file


class ModelVersion(Kind):
    """Which version of a model, in a file beside its URI."""

    name, suffix, is_json = "Model", ".json", True

    def text(self, value: Any) -> str:
        if not isinstance(value, Model):
            raise TypeError(f"it is no Model: {value!r}")
        return value.uri

    def from_text(self, text: str) -> Any:
        return Model.from_uri(text)

    def write(self, value: Any, file: pathlib.Path) -> None:
        uri = self.text(value)
        parts = {name: part for name, part in dataclasses.asdict(value).items() if part is not None}
        file.write_text(json.dumps(parts | {"uri": uri}), encoding="utf-8")

    def read(self, file: pathlib.Path) -> Any:
        return self.from_json(json.loads(file.read_text(encoding="utf-8")))

    def from_json(self, value: Any) -> Any:
        return Model.from_uri(value["uri"])


@dataclasses.dataclass(frozen=True)
class DatasetRows:
    """The newest rows of a dataset, given by its definition or its name, for a step that takes a frame."""

    dataset: Any


def kind_of(annotation: Any) -> Kind | None:
    """None: steps have no such values."""
    if annotation is Model:
        return ModelVersion()
    base = annotation
    if typing.get_origin(annotation) is Annotated:
        base = typing.get_args(annotation)[0]
        if base is pathlib.Path:
            return Place(str(typing.get_args(annotation)[1]))
    if base is pathlib.Path:
        return Place("")
    module, name = getattr(base, "__module__", "").partition(".")[0], getattr(base, "__name__", "")
    if (module, name) in (("pandas", "DataFrame"), ("polars", "DataFrame")):
        return Frame("pandas" if module == "pandas" else "polars")
    if base is pa.Table:
        return Frame("arrow")
    if (check := _checker(base)) is not None:
        return Plain(base, check)
    some = [option for option in _options(base) if option is not type(None)]
    return kind_of(some[0]) if len(some) == 1 and some[0] is not base else None  # None is what a step gives that was skipped
