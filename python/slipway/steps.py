"""`@step`: a plain function as a step of a pipeline."""
import collections.abc
import contextlib
import contextvars
import functools
import inspect
import json
import os
import pathlib
import sys
import tempfile
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypedDict, TypeVar, cast, overload

from slipway import trace
from slipway.document import Duration
from slipway.features import Dataset
from slipway.imports import project_files
from slipway.operations import Resources, Retry, Search, Step, Toleration
from slipway.placeholders import ITEMS, Argument, Each, PipelineError, Placeholder, below, caller, defined_at, literal
from slipway.values import DatasetRows, Frame, Kind, Model, Place, kind_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")

KINDS = ("int, float, bool, str, datetime, Literal, lists and dicts of them (JSON), DataFrame of pandas or polars, pyarrow.Table, pathlib.Path, slipway.File, "
         "slipway.Folder, slipway.Model")


class Refused(Exception):
    """A gate says no: the run ends as refused, which is no failure."""


class Options(TypedDict, total=False):
    """What a step of slipway.yaml knows beside its command. `name`: the function's, if nothing is said. `code`, `inputs`: more files than the function's
    own and those that it is called with. `outputs`: what files of the returned values are called, in order, then what else it writes below `out()`.
    `after` and `unless_failed` may name steps by their functions."""

    name: str
    code: Sequence[str]
    env: Sequence[str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    secrets: Sequence[str]
    pool: str
    slots: int
    resources: Resources
    executor: Literal["local", "kubernetes"]
    image: str
    node_selector: Mapping[str, str]
    tolerations: Sequence[Toleration]
    gpus: int
    ttl: Duration
    service_account: str
    after: Sequence[Any]
    unless_failed: Sequence[Any]
    parallel: int
    search: Search
    timeout: Duration
    retry: int | Retry
    always: bool
    cache: bool


@dataclass(frozen=True)
class Parameter:
    kind: Kind | None  # of one value; None: only a list of what a step with each gives
    items: Kind | None  # of a list's items


@dataclass(frozen=True)
class Output:
    kind: Kind
    file: str  # below the step's folder


def _is_of_no_folder(place: str) -> bool:
    """Whether it is FILE of a step without a folder: what {step}/FILE is then begins with a slash."""
    first = place[1:].partition("/")[0].partition("#")[0]
    return place.startswith("/") and not pathlib.Path("/", first).exists()


# Where the step that runs writes. Each run of a step has its own; threads that it starts have its, too.
_of_threads: pathlib.Path | None = None
_folder: contextvars.ContextVar[pathlib.Path | None] = contextvars.ContextVar("slipway_step_folder", default=None)
_scratch: list[tempfile.TemporaryDirectory[str]] = []  # until the process ends


def scratch_folder() -> pathlib.Path:
    """A fresh folder that goes with the process."""
    _scratch.append(tempfile.TemporaryDirectory(prefix="slipway-"))
    return pathlib.Path(_scratch[-1].name)


def out() -> pathlib.Path:
    """The folder that the step that runs writes to, `{out}` of slipway.yaml; of a function that is called plainly a temporary one."""
    folder = _folder.get() or _of_threads
    if folder is None:
        folder = scratch_folder()
        _folder.set(folder)
    return folder


@contextlib.contextmanager
def writing_to(folder: pathlib.Path | None) -> Iterator[None]:
    """None: a temporary one, once it is asked for."""
    global _of_threads
    token, before = _folder.set(folder), _of_threads
    _of_threads = folder
    try:
        yield
    finally:
        _of_threads = before
        _folder.reset(token)


def annotations_of(function: Callable[..., Any], what: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise PipelineError(f"{defined_at(function)}: the annotations of {what} {function.__name__} can't be read: {error} (they are needed when it runs, "
                            "so imports below TYPE_CHECKING aren't enough)") from None


class StepFunction(Generic[P, R]):
    """A function that is a step. In a pipeline a call makes a step of it, anywhere else it is called as it is."""

    def __init__(self, function: Callable[P, R], options: Options):
        self.function, self.options = function, options
        self.where = defined_at(function)
        if "." in function.__qualname__ or not function.__name__.isidentifier():
            raise self._error("a step is a function of a module, which the server finds by its name")
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise self._error("a step is a plain function, no coroutine and no generator")
        unknown = set(options) - set(Options.__annotations__)
        if unknown:
            raise self._error(f"there is no option {', '.join(sorted(unknown))}; there are {', '.join(Options.__annotations__)}")
        self.name = options.get("name", function.__name__)
        trace.check_name("step", self.name, self.where)
        self.signature = inspect.signature(function)
        hints = annotations_of(function, "step")
        self.parameters = {name: self._parameter(parameter, hints) for name, parameter in self.signature.parameters.items()}
        self._given = self.signature.return_annotation
        if self._given is inspect.Signature.empty:
            raise self._error("nothing says what it returns: `-> None`, if that is nothing")
        self._given = hints["return"]
        self.outputs = self._outputs()
        functools.update_wrapper(self, function)

    def _error(self, what: str) -> PipelineError:
        return PipelineError(f"{self.where}: step {self.function.__name__}: {what}")

    def _parameter(self, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Parameter:
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise self._error(f"its parameters must have names, not *{parameter.name}")
        if parameter.name not in hints:
            raise self._error(f"parameter {parameter.name} has no annotation: one of {KINDS}")
        annotation = hints[parameter.name]
        is_list = typing.get_origin(annotation) in (list, collections.abc.Sequence)
        known = Parameter(kind_of(annotation), kind_of(typing.get_args(annotation)[0]) if is_list else None)
        if known.kind is None and known.items is None:
            raise self._error(f"parameter {parameter.name} has an annotation that no step has: {annotation}; there are {KINDS}")
        return known

    def _outputs(self) -> list[Output]:
        given = self._given
        if given is type(None):
            kinds: dict[str, Any] = {}
        elif isinstance(given, type) and issubclass(given, tuple) and hasattr(given, "_fields"):
            kinds = typing.get_type_hints(given, include_extras=True)
        elif typing.get_origin(given) is tuple and Ellipsis not in typing.get_args(given):
            kinds = {f"result_{at}": kind for at, kind in enumerate(typing.get_args(given))}
        else:
            kinds = {"result": given}
        outputs = []
        for field, annotation in kinds.items():
            kind = kind_of(annotation)
            if kind is None:
                raise self._error(f"it returns what no step gives: {annotation}; there are {KINDS} (anything else: write a file below slipway.out() and return "
                                  "its path as slipway.File)")
            outputs.append(Output(kind, field + kind.suffix))
        names = list(self.options.get("outputs", ()))
        if names and len(names) < len(outputs):
            raise self._error(f"outputs names {len(names)} files, and it returns {len(outputs)} values")
        for name in names:
            path = pathlib.PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or "#" in name or "*" in name or names.count(name) > 1:
                raise self._error(f"an output is a file below out(), named once, without # and *: {name!r}")
        return [Output(output.kind, name) for output, name in zip(outputs, names)] if names else outputs

    # Calls

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if trace.current() is not None:
            return cast(R, self._call(args, kwargs, is_map=False))
        bound = self.signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if isinstance(value, DatasetRows):
                bound.arguments[name] = self.read_argument(name, "=", self._text(name, value))
        with writing_to(None):
            return self.function(*bound.args, **bound.kwargs)

    def map(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """The step once for each item of what stands in `each(...)`: a list of what it gives."""
        if trace.current() is not None:
            return cast(list[R], self._call(args, kwargs, is_map=True))
        bound = self.signature.bind(*args, **kwargs)
        items = self._each(bound.arguments)
        results = []
        for value in items.values:
            mine = {name: _member(value, one.member) if isinstance(one, Each) else one for name, one in bound.arguments.items()}
            results.append(self(*self.signature.bind(**mine).args, **self.signature.bind(**mine).kwargs))
        return results

    def with_options(self, **options: "Unpack[Options]") -> "StepFunction[P, R]":
        """The same step with other options; with another `name`, if it is called more than once in a pipeline. What its outputs are called stays."""
        if "outputs" in options:
            raise PipelineError(f"{caller()}: step {self.name}: outputs are named where the function is: @step(outputs=...)")
        return StepFunction(self.function, cast(Options, {**self.options, **options}))

    def local(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the function as the server does, in this process: values go through the texts and files that steps have between them."""
        bound = self.signature.bind(*args, **kwargs)
        folder, given = scratch_folder(), {}
        for name, value in bound.arguments.items():
            kind = self.parameters[name].kind
            if isinstance(kind, Frame) and not isinstance(value, DatasetRows):
                file = folder / f"{name}{kind.suffix}"
                kind.write(value, file)
                given[name] = ("@", str(file))
            else:
                given[name] = ("=", self._text(name, value))
        results = folder / "out"
        self.run(given, results)
        return cast(R, self.read(results))

    def _each(self, arguments: Mapping[str, Any]) -> Each:
        found = [value for value in arguments.values() if isinstance(value, Each)]
        if not found:
            raise PipelineError(f"{caller()}: {self.name}.map(...) needs an argument that is each(...)")
        if not all(one.is_of(found[0]) for one in found):
            raise PipelineError(f"{caller()}: a step has the items of one list, so all each(...) of a call are of the same")
        return found[0]

    def _call(self, args: Sequence[Any], kwargs: Mapping[str, Any], is_map: bool) -> Any:
        where, space = caller(), self.options["search"].space if "search" in self.options else {}
        try:
            bound = self.signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise PipelineError(f"{where}: step {self.name}: {error}") from None
        given = {name: value for name, value in bound.arguments.items() if value is not None or self.signature.parameters[name].default is not None}
        for name in space:
            if name not in self.parameters or name in given:
                raise PipelineError(f"{where}: step {self.name}: the search chooses {name}, which " +
                                    ("it is called with as well" if name in given else f"is no parameter of it: {', '.join(self.parameters)}"))
        missing = [name for name, parameter in self.signature.parameters.items()
                   if parameter.default is inspect.Parameter.empty and name not in given and name not in space]
        if missing:
            raise PipelineError(f"{where}: step {self.name} needs an argument: {', '.join(missing)}")
        if not is_map and any(isinstance(value, Each) for value in given.values()):
            raise PipelineError(f"{where}: each(...) gives a list of results: call {self.name}.map(...)")
        items = self._each(given) if is_map else None
        if items is not None and space:
            raise PipelineError(f"{where}: step {self.name} has each or search, not both")
        inputs: list[str] = []
        arguments = [self._argument(name, value, inputs, where) for name, value in given.items()]
        arguments += [Argument(name, "=", param=name) for name in space]
        if items is not None and len(self.outputs) > 1:
            raise PipelineError(f"{where}: step {self.name} has each, so it gives one value, not {len(self.outputs)}")
        trace.record(trace.Call(self.name, where, self, arguments, items, inputs))
        results = [Placeholder(self.name, output.file, output.kind, many=is_map) for output in self.outputs]
        if len(results) > 1 or typing.get_origin(self._given) is tuple or hasattr(self._given, "_fields"):
            return self._given(*results) if hasattr(self._given, "_fields") else tuple(results)
        return results[0] if results else Placeholder(self.name, "", None, many=is_map)

    def _argument(self, name: str, value: Any, inputs: list[str], where: str) -> Argument:
        """`inputs`: what it adds to what the step depends on."""
        parameter = self.parameters[name]
        source = value.values if isinstance(value, Each) else value
        if isinstance(source, Placeholder) and source.file == "run.state" and source.step is None:
            raise PipelineError(f"{where}: run_state is for `when` alone; a step with always finds SLIPWAY_RUN_STATE in its environment")
        if isinstance(source, Placeholder) and source.kind is None:
            raise PipelineError(f"{where}: step {self.name}: {name} is {source!r}, which gives nothing")
        if isinstance(value, Each):
            if not isinstance(source, Placeholder):
                for item in source:
                    self._text(name, _member(item, value.member, where), where)
            elif source.many:
                if value.member:
                    raise PipelineError(f"{where}: members of items are of lists that are written or JSON, not of {source!r}")
                self._fits(name, parameter.kind, source, where)
                return Argument(name, "@", step=source.step or "", text="/{item.folder}/" + source.file)
            return Argument(name, "=", param=f"item.{value.member}" if value.member else "item")
        if isinstance(value, Placeholder):
            if value.many:
                self._fits(name, parameter.items, value, where)
                return Argument(name, "@", step=value.step or "", text=f"/*/{value.file}")
            self._fits(name, parameter.kind, value, where)
            if value.step is None:
                return Argument(name, "=", param=value.file)
            return Argument(name, "@", step=value.step, text=f"/{value.file}" + (f"#{value.member}" if value.member else ""))
        text = self._text(name, value, where)
        kind = parameter.kind
        if isinstance(value, DatasetRows) and isinstance(value.dataset, Dataset) and (graph := trace.current()) is not None:
            graph.datasets.append(value.dataset)
        if isinstance(kind, Place) or isinstance(value, DatasetRows):
            inputs.append(text)
        elif isinstance(value, Model):
            inputs.append("model:" + text.removeprefix("models:/"))
        return Argument(name, "=", text=text)

    def _fits(self, name: str, kind: Kind | None, value: Placeholder, where: str) -> None:
        given = value.kind
        assert given is not None
        if kind is None or not (value.member or kind.takes(given)):
            wanted = kind.name if kind is not None else "one value" if value.many else "a list of what a step with each gives"
            raise PipelineError(f"{where}: step {self.name} takes {name} as {wanted}, and {value!r} is {'a list of ' if value.many else ''}{given.name}")

    def _text(self, name: str, value: Any, where: str = "") -> str:
        kind = self.parameters[name].kind
        try:
            if kind is None:
                raise TypeError("it takes the list of what a step with each gives")
            return kind.text(value)
        except (TypeError, ValueError) as error:
            raise PipelineError(f"{where or caller()}: step {self.name}: {name}: {error}") from None

    # Runs

    def run(self, given: Mapping[str, tuple[str, str]], folder: pathlib.Path) -> None:
        """Calls the function with what stands behind the signs of an Argument, and writes what it returns below the folder. Raises what the function
        raises; TypeError and ValueError for values that aren't what annotations say."""
        folder.mkdir(parents=True, exist_ok=True)
        arguments = {name: self.read_argument(name, sign, place) for name, (sign, place) in given.items()}
        bound = self.signature.bind(**arguments)
        with writing_to(folder):
            result = self.function(*bound.args, **bound.kwargs)
        self._write(result, folder)

    def read_argument(self, name: str, sign: str, place: str) -> Any:
        parameter = self.parameters[name]
        if sign == "@" and _is_of_no_folder(place):
            return None  # the step was skipped, which unless_failed allows
        try:
            if sign == "@" and "/*/" in place:
                top, _, each_file = place.rpartition("/*/")
                folders = [item["folder"] for item in json.loads((pathlib.Path(top) / ITEMS).read_text(encoding="utf-8"))]
                return [cast(Kind, parameter.items).read(pathlib.Path(top) / folder / each_file) for folder in folders]
            kind = cast(Kind, parameter.kind)
            if sign == "=":
                return kind.from_text(place)
            name_of_file, _, member = pathlib.Path(place).name.partition("#")
            file = pathlib.Path(place).with_name(name_of_file)
            return kind.from_json(_member(json.loads(file.read_text(encoding="utf-8")), member)) if member else kind.read(file)
        except (TypeError, ValueError, KeyError, OSError) as error:
            raise TypeError(f"step {self.name}: argument {name}: {error}") from None

    def _write(self, result: Any, folder: pathlib.Path) -> None:
        several = len(self.outputs) > 1 or typing.get_origin(self._given) is tuple or hasattr(self._given, "_fields")
        values = result if several else [result][:len(self.outputs)]
        if not self.outputs and result is not None:
            raise TypeError(f"step {self.name} says that it returns nothing, and returned a {type(result).__name__}")
        if several and (not isinstance(result, tuple) or len(result) != len(self.outputs)):
            raise TypeError(f"step {self.name} returns {len(self.outputs)} values, not {result!r}")
        for output, value in zip(self.outputs, values, strict=True):
            file = folder / output.file
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                output.kind.write(value, file)
            except (TypeError, ValueError) as error:
                raise TypeError(f"step {self.name} says that it returns {output.kind.name} ({output.file}): {error}") from None

    def read(self, folder: pathlib.Path) -> Any:
        """What `run` has written."""
        values = [output.kind.read(folder / output.file) for output in self.outputs]
        if hasattr(self._given, "_fields"):
            return self._given(*values)
        return tuple(values) if typing.get_origin(self._given) is tuple else values[0] if values else None

    # Document

    def definition(self, call: "trace.Call", names: Callable[[Sequence[Any]], list[str]], folder: pathlib.Path) -> Step:
        """As slipway.yaml has a call of it; `names`: of steps."""
        file = self.function.__code__.co_filename
        if not os.path.isfile(file):
            raise self._error(f"the server runs it from its file, and there is none: {file} (put it in a module of the project)")
        module = sys.modules.get(self.function.__module__)
        if module is not None and not isinstance(getattr(module, self.function.__name__, None), StepFunction):
            raise self._error(f"the server finds it by its name, and {self.function.__name__} is something else in its module: write @step above the function")
        code = below(file, folder, self.where)
        words = ["python3", "-m", "slipway.run_step", literal(f"{code}:{self.function.__name__}"), "{out}"]
        words += [argument.word(call.items is not None) for argument in call.arguments]
        options: dict[str, Any] = dict(self.options)
        inputs = [os.path.relpath(name, folder) if os.path.isabs(name) and pathlib.Path(name).is_relative_to(folder) else name for name in call.inputs]
        options |= {"name": call.name, "run": " ".join(words),
                    "code": list(dict.fromkeys([*project_files(pathlib.Path(file).resolve(), folder), *options.get("code", ())])),
                    "inputs": list(dict.fromkeys([*inputs, *options.get("inputs", ())])),
                    "outputs": options.get("outputs", ()) or [output.file for output in self.outputs],
                    "after": names(options.get("after", ())), "unless_failed": names(options.get("unless_failed", ()))}
        if call.items is not None:
            source = call.items.values
            options["each"] = source if not isinstance(source, Placeholder) else "{" + f"{source.step}/{ITEMS}" + "}" if source.many else source.text
        return Step(**options, when=trace.joined([asked.text for asked in call.conditions]))


def _member(value: Any, path: str, where: str = "") -> Any:
    for key in path.split(".") if path else ():
        if not isinstance(value, Mapping) or key not in value:
            raise PipelineError(f"{where or caller()}: an item has no member {path}: {value!r}") if where else KeyError(f"it has no member {path}")
        value = value[key]
    return value


@overload
def step(function: Callable[P, R], /) -> StepFunction[P, R]: ...
@overload
def step(**options: "Unpack[Options]") -> Callable[[Callable[P, R]], StepFunction[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Makes a step of a function whose parameters and results have annotations: what it takes and gives are words and files of a command that the
    server runs. Options are those of steps in slipway.yaml. PipelineError: an annotation is missing or unknown."""
    if function is None:
        return lambda decorated: StepFunction(decorated, cast(Options, options))
    return StepFunction(function, {})
