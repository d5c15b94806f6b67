"""The graph of a pipeline while its function runs: which steps are called, with what, under which conditions."""
import contextlib
import contextvars
import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from slipway.features import Dataset
from slipway.operations import Step
from slipway.placeholders import Argument, Condition, Each, PipelineError, Placeholder, caller, condition

if TYPE_CHECKING:
    from slipway.steps import StepFunction


def check_name(what: str, name: str, where: str) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        raise PipelineError(f"{where}: the name of a {what} starts with a letter and has letters, digits, - and _ only, 64 at most: {name!r}")
    if name in ("out", "now"):
        raise PipelineError(f"{where}: a {what} can't be called {name!r}: it has a meaning of its own")


def joined(conditions: list[str]) -> str | None:
    """One condition that holds when all do."""
    return conditions[0] if len(conditions) == 1 else " and ".join(f"({text})" for text in conditions) or None


@dataclasses.dataclass
class Call:
    """One step of the graph: a call of a function, or a definition as it is."""

    name: str
    where: str
    step: "StepFunction[Any, Any] | None" = None
    arguments: list[Argument] = dataclasses.field(default_factory=list)
    items: Each | None = None
    inputs: list[str] = dataclasses.field(default_factory=list)  # by what it is called with
    definition: Step | None = None
    inner: "tuple[Trace, dict[str, Any]] | None" = None  # of a call of another pipeline, whose step `definition` is: its graph, and what it is called with
    conditions: list[Condition] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Trace:
    pipeline: str
    outer: "Trace | None"  # of the pipeline that calls it
    parameters: dict[str, Placeholder]
    calls: list[Call] = dataclasses.field(default_factory=list)
    conditions: list[Condition] = dataclasses.field(default_factory=list)  # that hold where the function is
    datasets: list[Dataset] = dataclasses.field(default_factory=list)
    result: Any = None

    def find(self, name: str) -> Call | None:
        return next((call for call in self.calls if call.name == name), None)


_current: contextvars.ContextVar[Trace | None] = contextvars.ContextVar("slipway_trace", default=None)


def current() -> Trace | None:
    return _current.get()


@contextlib.contextmanager
def tracing(trace: Trace) -> Iterator[Trace]:
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def record(call: Call) -> None:
    """PipelineError: the name is taken."""
    trace = _current.get()
    assert trace is not None
    if other := trace.find(call.name):
        instead = f'sw.add_step(sw.Step("{call.name}_2", pipeline=...))' if call.inner is not None else f'{call.step.function.__name__}.with_options(name="{call.name}_2")(...)' if call.step is not None else "another name"
        raise PipelineError(f"{call.where}: two steps are called {call.name} (the other one at {other.where}): give this one another name, {instead}")
    if call.name in trace.parameters:
        raise PipelineError(f"{call.where}: a step and a parameter of the pipeline are both called {call.name}: give one of them another name")
    call.conditions = list(trace.conditions)
    trace.calls.append(call)


@contextlib.contextmanager
def when(what: Any) -> Iterator[None]:
    """In a pipeline, `with when(auc > 0.7):` the steps that are called in it run if the condition holds, else they and what needs them are skipped."""
    trace = _current.get()
    if trace is None:
        raise PipelineError(f"{caller()}: when(...) is for functions with @pipeline")
    trace.conditions.append(condition(what))
    try:
        yield
    finally:
        trace.conditions.pop()


def add_step(definition: Step) -> Placeholder:
    """In a pipeline, a step as slipway.yaml has it: a command, or a question to a person. What it gives is for `after`; in commands `{STEP}` is the folder
    of a step, `{STEP}/result.json` what it returned, and `{PARAMETER}` a parameter."""
    if _current.get() is None:
        raise PipelineError(f"{caller()}: add_step(...) is for functions with @pipeline")
    check_name("step", definition.name, caller())
    record(Call(definition.name, caller(), definition=definition))
    return Placeholder(definition.name, "", None)
