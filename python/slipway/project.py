"""A project: everything that one slipway.yaml declares."""
import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Literal

from slipway.document import Time, moment, to_yaml
from slipway.features import Dataset, OnDemandView, Service, Source, View
from slipway.operations import AlarmBudget, Endpoint, Maintenance, Monitor, Pipeline, Route, Schedule, Stream, Tag, routes_of
from slipway.pipelines import PipelineFunction

_SECTIONS: dict[type, tuple[str, ...]] = {
    Dataset: ("datasets",), Source: ("features", "sources"), View: ("features", "views"), OnDemandView: ("features", "views"),
    Service: ("features", "services"), Pipeline: ("pipelines",), Schedule: ("schedules",), Endpoint: ("endpoints",), Monitor: ("monitors",), Route: ("routes",),
    Maintenance: ("maintenance",), Stream: ("streams",), Tag: ("tags",)}
_ORDER = ["datasets", "features", "pipelines", "schedules", "endpoints", "monitors", "routes", "maintenance", "streams", "tags"]


class Project:
    """Definitions in one document.

    `clock`: "wall", or "rehearsal" with `start`, whose event clock is moved by hand. `folder`: where relative paths begin, on the machine of the
    server; this process's own folder if nothing is said. `alarm_budget`: how many false pages all monitors together may send. `pools`: names and
    slots, which steps of pipelines take while they run. `ci`: what `slipway ci` runs and checks, as docs/ci.md says.
    """

    def __init__(self, name: str, *, owner: str | None = None, clock: Literal["wall", "rehearsal"] | None = None, start: Time | None = None,
                 alarm_budget: AlarmBudget | None = None, pools: Mapping[str, int] | None = None,
                 ci: Mapping[str, Any] | None = None, folder: str | pathlib.Path = "."):
        if clock == "rehearsal" and start is None:
            raise ValueError("a rehearsal needs `start`: the time its event clock begins with")
        self.name, self.owner, self.clock, self.start, self.alarm_budget = name, owner, clock, start, alarm_budget
        self.folder = pathlib.Path(folder).resolve()
        self.pools = dict(pools or {})
        self.ci = dict(ci or {})
        self._parts: dict[tuple[str, ...], dict[str, Any]] = {}

    def add(self, *parts: Any) -> "Project":
        """Adds definitions, and those that they name as objects (a service's views, their sources and datasets).

        ValueError: another definition has the name; nothing of this call is added then. TypeError: no definition.
        """
        fresh = {section: dict(named) for section, named in self._parts.items()}
        for part in parts:
            self._add(fresh, part)
        self._parts = fresh
        return self

    def _add(self, into: dict[tuple[str, ...], dict[str, Any]], part: Any) -> None:
        needs = _needs(part)
        if isinstance(part, PipelineFunction):
            part = part.definition(self.folder)
            needs += _needs(part)
        section = _SECTIONS.get(type(part))
        if section is None:
            raise TypeError(f"not a definition: {part!r}")
        named = into.setdefault(section, {})
        if part.name in named:
            if named[part.name] != part:
                raise ValueError(f"two {section[-1]} are called {part.name}")
            return
        for needed in needs:
            self._add(into, needed)
        named[part.name] = part

    def document(self) -> dict[str, Any]:
        """As slipway.yaml is parsed: mappings, lists, texts, numbers."""
        out: dict[str, Any] = {"project": self.name}
        if self.owner is not None:
            out["owner"] = self.owner
        if self.clock is not None:
            out["clock"] = self.clock
        if self.start is not None:
            out["start"] = moment(self.start)
        if self.alarm_budget is not None:
            out["alarm_budget"] = self.alarm_budget.document()
        if self.pools:
            out["pools"] = dict(self.pools)
        if self.ci:
            out["ci"] = dict(self.ci)
        sections: dict[str, Any] = {}
        for path in dict.fromkeys(_SECTIONS.values()):
            if path in self._parts:
                documents = {name: part.document() for name, part in self._parts[path].items()}
                if len(path) == 1:
                    sections[path[0]] = documents
                else:
                    sections.setdefault(path[0], {})[path[1]] = documents
        return out | {section: sections[section] for section in _ORDER if section in sections}

    def to_yaml(self) -> str:
        """The text of slipway.yaml."""
        return to_yaml(self.document())

    def write(self, file: str | pathlib.Path) -> None:
        """Writes `to_yaml()` to a file."""
        pathlib.Path(file).write_text(self.to_yaml(), encoding="utf-8")


def _needs(part: Any) -> list[Any]:
    """What it names, as far as that is given as objects."""
    if isinstance(part, PipelineFunction):
        return part.needs()
    if type(part) not in _SECTIONS:
        return []
    if isinstance(part, Service):
        return list(part.views())
    if isinstance(part, Monitor):
        named = [part.endpoint, *(action.pipeline for action in part.actions.values()), *routes_of({name: alert.route for name, alert in part.alerts.items() if alert.route is not None})]
        return [needed for needed in named if _is_definition(needed)]
    if isinstance(part, Pipeline):
        named = [needed for step in part.steps for needed in (step.pipeline, step.wait_for and step.wait_for.dataset)] + routes_of(part.notify)
        return [needed for needed in named if _is_definition(needed)]
    fields = {field.name for field in dataclasses.fields(part)}
    named = [getattr(part, name) for name in ("dataset", "source", "features", "endpoint", "pipeline") if name in fields]
    return [needed for needed in named if _is_definition(needed)]


def _is_definition(part: Any) -> bool:
    return type(part) in _SECTIONS or isinstance(part, PipelineFunction)
