"""What stands for values while a pipeline's graph is made: results of steps, parameters, items, and conditions over them."""
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar, cast

from slipway.features import Dataset
from slipway.values import DatasetRows, Kind, Plain

T = TypeVar("T")
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
ITEMS = "items.json"  # that the server writes of a step with each


class PipelineError(ValueError):
    """A step or pipeline that can't be what it says, with file and line."""


def caller() -> str:
    """file:line of whoever called into the SDK."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (frame.f_code.co_filename.startswith(_HERE) or frame.f_code.co_filename == contextlib.__file__):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def defined_at(function: Callable[..., Any]) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


# Conditions


@dataclasses.dataclass(frozen=True, eq=False)
class Condition:
    """What `when` asks: made of references by ==, !=, <, <=, >, >=, and of conditions by &, | and ~."""

    text: str  # as slipway.yaml has it
    holds: Callable[[Callable[["Placeholder"], Any]], bool]  # given what references are
    steps: tuple[str, ...]  # that it reads

    def __and__(self, other: Any) -> "Condition":
        right = condition(other)
        return Condition(f"({self.text}) and ({right.text})", lambda value: self.holds(value) and right.holds(value), self.steps + right.steps)

    def __or__(self, other: Any) -> "Condition":
        right = condition(other)
        return Condition(f"({self.text}) or ({right.text})", lambda value: self.holds(value) or right.holds(value), self.steps + right.steps)

    def __invert__(self) -> "Condition":
        return Condition(f"not ({self.text})", lambda value: not self.holds(value), self.steps)

    __rand__ = __and__
    __ror__ = __or__

    def __bool__(self) -> NoReturn:
        raise PipelineError(f"{caller()}: whether it holds is known only when the pipeline runs: write `with when(...)` instead of if, and &, | and ~ "
                            "instead of and, or and not")


def condition(what: Any) -> Condition:
    """PipelineError: neither a condition nor a reference to something that is true or false."""
    if isinstance(what, Condition):
        return what
    if isinstance(what, Placeholder):
        return what._compared("==", True)
    raise PipelineError(f"{caller()}: a condition compares what a step gives or a parameter: when(auc > 0.7), not {what!r}")


def _operand(value: Any) -> str:
    if isinstance(value, Placeholder):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and value - value == 0:
        return repr(value)
    if isinstance(value, str):
        quote = "'" if "'" not in value else '"'
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise PipelineError(f"{caller()}: a condition compares with a number, a text with one kind of quotes, True or False, not {value!r}")


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b), "!=": lambda a, b: bool(a != b), "<": lambda a, b: bool(a < b), "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b), ">=": lambda a, b: bool(a >= b)}


# References


class Placeholder:
    """The value that a parameter has, or that a step gives, once the pipeline runs. It can be passed to steps, compared in `when`, and be a list for `each`.

    `step` is None for a parameter, whose name is `file`. `many`: of a step with each, so a list with one of `kind` for each item.
    """

    def __init__(self, step: str | None, file: str, kind: Kind | None, *, member: str = "", many: bool = False):
        self.step, self.file, self.kind, self.member, self.many = step, file, kind, member, many

    @property
    def text(self) -> str:
        """As conditions and `each` write it."""
        if self.many or self.kind is None or not (self.kind.has_value or self.member):
            raise PipelineError(f"{caller()}: {self!r} is no number, text or truth value: nothing can be compared with it")
        return "{" + (self.file if self.step is None else f"{self.step}/{self.file}") + (f"#{self.member}" if self.member else "") + "}"

    def __repr__(self) -> str:
        if self.step is None:
            return f"the parameter {self.file}"
        return f"what step {self.step} gives" + (f" ({self.file}{'#' + self.member if self.member else ''})" if self.kind else "")

    def __getitem__(self, key: Any) -> "Placeholder":
        if self.step is None or self.kind is None or not self.kind.is_json or self.many:
            self._unknown("its parts")
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", key):
            raise PipelineError(f"{caller()}: a member is named by a text of letters, digits, _ and -, not {key!r}")
        return Placeholder(self.step, self.file, self.kind, member=f"{self.member}.{key}" if self.member else key)

    def _compared(self, order: str, other: Any) -> Condition:
        def holds(value: Callable[["Placeholder"], Any]) -> bool:
            return _COMPARE[order](value(self), value(other) if isinstance(other, Placeholder) else other)
        steps = tuple(one.step for one in (self, other) if isinstance(one, Placeholder) and one.step is not None)
        return Condition(f"{self.text} {order} {_operand(other)}", holds, steps)

    def __eq__(self, other: Any) -> Condition:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: Any) -> Condition:  # type: ignore[override]
        return self._compared("!=", other)

    def __lt__(self, other: Any) -> Condition:
        return self._compared("<", other)

    def __le__(self, other: Any) -> Condition:
        return self._compared("<=", other)

    def __gt__(self, other: Any) -> Condition:
        return self._compared(">", other)

    def __ge__(self, other: Any) -> Condition:
        return self._compared(">=", other)

    def __and__(self, other: Any) -> Condition:
        return condition(self).__and__(other)

    def __or__(self, other: Any) -> Condition:
        return condition(self).__or__(other)

    def __invert__(self) -> Condition:
        return ~condition(self)

    __rand__ = __and__
    __ror__ = __or__
    __hash__ = object.__hash__

    def _unknown(self, what: str, instead: str = "do it in a step") -> NoReturn:
        raise PipelineError(f"{caller()}: {what} of {self!r} is known only when the pipeline runs: {instead}")

    def __iter__(self) -> NoReturn:
        self._unknown("the items", "use each(...), which runs a step for each of them: `STEP.map(each(...))`")

    def __bool__(self) -> NoReturn:
        self._unknown("the truth", "write `with when(...)` instead of if, and &, | and ~ instead of and, or and not")

    def __len__(self) -> NoReturn:
        self._unknown("the length")

    def __contains__(self, item: Any) -> NoReturn:
        self._unknown("the content")

    def __format__(self, form: str) -> NoReturn:
        self._unknown("the text")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"{caller()}: .{name} of {self!r} is known only when the pipeline runs: do it in a step")


def _refuse(name: str) -> None:
    def refuse(self: Placeholder, *_: Any) -> NoReturn:
        self._unknown("the value")
    setattr(Placeholder, name, refuse)


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "pow", "neg", "abs", "int", "float", "index", "round", "call"):
    _refuse(f"__{_name}__")

run_state = cast(str, Placeholder(None, "run.state", Plain(str, lambda value: value)))
"""How the run stands, for `when` around steps with always: "failed", "succeeded" and so on."""


# Items


class Each:
    """One item of a list, in a call of a step that is made for each of them."""

    def __init__(self, values: Any, member: str = ""):
        self.values, self.member = values, member

    def is_of(self, other: "Each") -> bool:
        """Whether both are items of the same list."""
        if isinstance(self.values, Placeholder) or isinstance(other.values, Placeholder):
            return repr(self.values) == repr(other.values)
        return bool(self.values == other.values)

    def __getitem__(self, key: Any) -> "Each":
        if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", key):
            raise PipelineError(f"{caller()}: a member of an item is named by a text of letters, digits, _ and -, not {key!r}")
        return Each(self.values, f"{self.member}.{key}" if self.member else key)

    def __repr__(self) -> str:
        return f"each({self.values!r})"


def each(values: Iterable[T]) -> T:
    """An item of `values`, for a call `STEP.map(each(values))` that runs the step once for each of them: of a list written here, of a parameter, or of
    what a step gives. `each(values)["name"]` is a member of the item. Arguments of one call that are items have the same `values`."""
    if isinstance(values, Placeholder):
        if not values.many:
            _ = values.text  # it must be something that can be read
            if not values.member and isinstance(values.kind, Plain) and not values.kind.is_json:
                raise PipelineError(f"{caller()}: each needs a list, and {values!r} is a {values.kind.name}")
    elif isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise PipelineError(f"{caller()}: each needs a list, not {values!r}")
    else:
        values = list(values)
    return cast(T, Each(values))


def rows(dataset: Dataset | str) -> Any:
    """The newest rows of a dataset, for a step that takes a frame."""
    return DatasetRows(dataset)


# Arguments


@dataclasses.dataclass(frozen=True)
class Argument:
    """A step's argument as its command has it: `NAME=TEXT`, or `NAME@FILE` with the value in a file, which `#MEMBER` may follow, or `/*/` stand in, for
    the list of those of a step's items."""

    name: str
    sign: str  # "=" or "@"
    step: str = ""  # that it comes from
    param: str = ""  # "item" and "item.MEMBER" as well
    text: str = ""  # what follows

    def word(self, items: bool) -> str:
        """`items`: the command has `{item}`."""
        words = f"{self.name}{self.sign}"
        if self.step:
            return words + "{" + self.step + "}" + "{item.folder}".join(_quoted(part) for part in self.text.split("{item.folder}"))
        return words + ("{" + self.param + "}" if self.param else literal(self.text, items))

    def place(self, text_of: Callable[[str], str]) -> str:
        """What follows the sign, given what names stand for."""
        if self.step:
            return text_of(self.step) + self.text.replace("{item.folder}", text_of("item.folder") if "{item.folder}" in self.text else "")
        return text_of(self.param) if self.param else self.text


_REFERENCE = r"\{([A-Za-z_][A-Za-z0-9_-]*)\}"
_REFERENCE_OR_ITEM = r"\{([A-Za-z_][A-Za-z0-9_-]*|item(?:\.[A-Za-z0-9_-]+)+)\}"




def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_./#-]+", text) else shlex.quote(text)


def literal(text: str, items: bool = False) -> str:
    """A text as one word of a command that means just that."""
    return shlex.quote(escaped(text, items))


def escaped(text: str, items: bool = False) -> str:
    """A text that means just that where names in braces mean something."""
    return re.sub(_REFERENCE_OR_ITEM if items else _REFERENCE, r"{{\1}}", text)


def below(file: str | pathlib.Path, folder: pathlib.Path, where: str) -> str:
    """A file's name from the project's folder. PipelineError: it isn't in there."""
    full = pathlib.Path(file).resolve()
    if not full.is_relative_to(folder):
        raise PipelineError(f"{where}: {full} isn't below the project's folder, {folder}: give Project(..., folder=...)")
    return full.relative_to(folder).as_posix()
