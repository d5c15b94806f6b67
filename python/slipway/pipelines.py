"""`@pipeline`: a function whose calls of steps are a graph."""
import collections
import dataclasses
import datetime as dt
import functools
import inspect
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from slipway import local
from slipway.features import Dataset
from slipway.operations import Notify, Pipeline, Route, Step, routes_of
from slipway.placeholders import PipelineError, Placeholder, caller, defined_at, escaped
from slipway.steps import annotations_of
from slipway.trace import Call, Trace, check_name, current, joined, record, tracing
from slipway.values import Plain, kind_of

P = ParamSpec("P")
R = TypeVar("R")

NOW: Any = "{now}"
"""As the default of a pipeline's parameter, a text or a datetime: the event clock when the run starts."""


class PipelineFunction(Generic[P, R]):
    """A pipeline as a function: its parameters are the pipeline's, its calls of steps the graph.

    A Project takes it like any definition. Called, it runs here, without a server, a cache, retries and timeouts: steps in this process one after the
    other, with their values in files as on the server; what it returns is returned with its values. Commands and questions (`add_step`) are for the
    server: they are skipped, with what comes after them; what is waited for has come. Called in another pipeline, it is a step of that, which runs it.
    """

    def __init__(self, function: Callable[P, R], name: str | None, priority: int | None, notify: Notify | None = None):
        self.function, self.priority, self.notify = function, priority, notify
        self.where = defined_at(function)
        self.name = name if name is not None else function.__name__
        check_name("pipeline", self.name, self.where)
        self.signature = inspect.signature(function)
        hints = annotations_of(function, "pipeline")
        self._kinds = {parameter.name: self._kind(parameter, hints) for parameter in self.signature.parameters.values()}
        functools.update_wrapper(self, function)

    def _error(self, what: str) -> PipelineError:
        return PipelineError(f"{self.where}: pipeline {self.name}: {what}")

    def _kind(self, parameter: inspect.Parameter, hints: dict[str, Any]) -> Plain:
        name = parameter.name
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise self._error(f"its parameters must have names, not *{name}")
        check_name("parameter", name, self.where)
        if name not in hints:
            raise self._error(f"parameter {name} has no annotation: int, float, bool, str, datetime, or JSON")
        kind = kind_of(hints[name])
        if not isinstance(kind, Plain):
            raise self._error(f"parameter {name} is text on a command line, which a {hints[name]} isn't: int, float, bool, str, datetime, or JSON")
        if parameter.default is inspect.Parameter.empty:
            raise self._error(f"parameter {name} has no default: it is what a run has that says nothing else")
        if parameter.default != NOW:
            try:
                kind.text(parameter.default)
            except (TypeError, ValueError) as error:
                raise self._error(f"the default of parameter {name}: {error}") from None
        return kind

    def graph(self) -> Trace:
        """Runs the function for its graph. PipelineError: it is none."""
        outer, around = current(), current()
        while around is not None:
            if around.pipeline == self.name:
                raise PipelineError(f"{caller()}: pipeline {self.name} runs itself")
            around = around.outer
        made = Trace(self.name, outer, {name: Placeholder(None, name, kind) for name, kind in self._kinds.items()})
        with tracing(made):
            given = inspect.BoundArguments(self.signature, collections.OrderedDict(made.parameters))
            made.result = self.function(*given.args, **given.kwargs)
        if not made.calls:
            raise self._error("it calls no step")
        has_items = next((call for call in made.calls if call.items is not None or (call.step is not None and "search" in call.step.options)), None)
        for what, name in [*(("parameter", name) for name in self._kinds), *(("step", call.name) for call in made.calls)]:
            if has_items is not None and name == "item":
                raise self._error(f"a {what} can't be called item where a step has each or search ({has_items.name}): it means the item")
        return made

    def definition(self, folder: str | pathlib.Path = ".") -> Pipeline:
        """As slipway.yaml has it, for a project in `folder`. PipelineError: the function's graph is none, or code isn't below the folder."""
        made = self.graph()
        top = pathlib.Path(folder).resolve()
        steps = [self._step(call, made, top) for call in made.calls]
        params = {name: self._default(name) for name in self._kinds}
        return Pipeline(self.name, steps=steps, params=params, priority=self.priority, notify=self.notify)

    def needs(self) -> list[Any]:
        """Datasets that its steps are called with and routes that hear of it, as far as they are given as definitions."""
        return [*self.graph().datasets, *(route for route in routes_of(self.notify) if isinstance(route, Route))]

    def _default(self, name: str) -> Any:
        default = self.signature.parameters[name].default
        if isinstance(default, (list, dict)):
            return self._kinds[name].text(default)  # as one text of JSON: items keep their types
        return "" if default is None else default

    def _step(self, call: Call, made: Trace, folder: pathlib.Path) -> Step:
        def names(steps: Sequence[Any]) -> list[str]:
            found = local.names_of(steps)
            for name in found:
                if made.find(name) is None:
                    raise PipelineError(f"{call.where}: step {call.name} comes after {name}, which pipeline {self.name} doesn't call")
            return found
        if call.step is not None:
            return call.step.definition(call, names, folder)
        definition = cast(Step, call.definition)
        if not call.conditions:
            return definition
        return dataclasses.replace(definition, when=joined([*([definition.when] if definition.when else []), *(asked.text for asked in call.conditions)]))

    def _call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A step of the pipeline that is traced, which runs this one."""
        where = caller()
        try:
            given = self.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise PipelineError(f"{where}: pipeline {self.name}: {error}") from None
        parameters = {name: self._parameter(name, value, where) for name, value in given.items()}
        made = self.graph()
        record(Call(self.name, where, definition=Step(self.name, pipeline=self, parameters=parameters), inner=(made, dict(given))))
        return self._outside(made.result, where)

    def _parameter(self, name: str, value: Any, where: str) -> str:
        """As slipway.yaml has it."""
        kind = self._kinds[name]
        if isinstance(value, Placeholder):
            if value.file == "run.state" and value.step is None:
                raise PipelineError(f"{where}: run_state is for `when` alone; a step with always finds SLIPWAY_RUN_STATE in its environment")
            if value.kind is None or value.many or not (value.member or kind.takes(value.kind)):
                raise PipelineError(f"{where}: pipeline {self.name} takes {name} as {kind.name}, not {value!r}")
            return value.text
        try:
            return NOW if value == NOW else escaped(kind.text(value))
        except (TypeError, ValueError) as error:
            raise PipelineError(f"{where}: pipeline {self.name}: {name}: {error}") from None

    def _outside(self, result: Any, where: str) -> Any:
        """What it returns, as the pipeline has it that calls it: files of its steps are below the folder of the step that it is."""
        if isinstance(result, Placeholder):
            if result.step is None or result.many:
                raise PipelineError(f"{where}: what pipeline {self.name} returns can't be used here, as {result!r} is " +
                                    ("a list of files: return what one step gives" if result.many else "no file: return what a step gives"))
            return Placeholder(self.name, f"{result.step}/{result.file}" if result.kind else "", result.kind, member=result.member)
        if isinstance(result, dict):
            return {key: self._outside(value, where) for key, value in result.items()}
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            return type(result)(*(self._outside(value, where) for value in result))
        return type(result)(self._outside(value, where) for value in result) if isinstance(result, (list, tuple)) else result

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if current() is not None:
            return cast(R, self._call(args, kwargs))
        made = self.graph()
        bound = self.signature.bind(*args, **kwargs)
        return cast(R, local.run(made, self.texts(bound.arguments)))

    def texts(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What the parameters of a run here are, with defaults for what isn't given."""
        bound = inspect.BoundArguments(self.signature, collections.OrderedDict(given))
        bound.apply_defaults()
        params = {}
        for name, value in bound.arguments.items():
            text = dt.datetime.now(dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z") if value == NOW else None
            try:
                params[name] = text if text is not None else self._kinds[name].text(value)
            except (TypeError, ValueError) as error:
                raise PipelineError(f"{caller()}: pipeline {self.name}: {name}: {error}") from None
        return params


@overload
def pipeline(function: Callable[P, R], /) -> PipelineFunction[P, R]: ...
@overload
def pipeline(*, name: str | None = None, priority: int | None = None, notify: Notify | None = None) -> Callable[[Callable[P, R]], PipelineFunction[P, R]]: ...
def pipeline(function: Callable[..., Any] | None = None, /, *, name: str | None = None, priority: int | None = None,
             notify: Notify | None = None) -> Any:
    """Makes a pipeline of a function that calls steps. Values that its parameters have and that steps give are known only when it runs: they can be
    passed to steps, compared in `with when(...)`, and be lists for `each(...)`. PipelineError: a parameter has no annotation or no default."""
    if function is None:
        return lambda decorated: PipelineFunction(decorated, name, priority, notify)
    return PipelineFunction(function, None, None)
