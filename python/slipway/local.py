"""A pipeline's graph run here: its steps in this process, one after the other, with their values in files as on the server."""
import json
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from slipway.operations import Step
from slipway.placeholders import ITEMS, Each, Placeholder
from slipway.steps import StepFunction, scratch_folder
from slipway.trace import Call, Trace


def names_of(steps: Sequence[Any]) -> list[str]:
    """Steps are named by their functions, by what they give, or as texts."""
    return [step if isinstance(step, str) else str(step.step if isinstance(step, Placeholder) else step.name) for step in steps]


def _skip(name: str, why: str) -> None:
    print(f"slipway: {name} is skipped: {why}", file=sys.stderr)


class _Run:
    def __init__(self, trace: Trace, params: Mapping[str, str]):
        self.trace, self.params, self.folder = trace, params, scratch_folder()
        self.done: dict[str, pathlib.Path] = {}  # where steps have written
        self.state = "running"

    def run_steps(self) -> pathlib.Path:
        """Where each of them has a folder with what it has written."""
        last = [call for call in self.trace.calls if self._waits_for_all(call)]
        failure: BaseException | None = None
        for call in [*(call for call in self.trace.calls if call not in last), *last]:
            always = call.step is not None and call.step.options.get("always", False)
            if failure is not None and not always:
                continue
            try:
                self._step(call, always)
            except BaseException as error:
                self.state = "failed"
                failure = failure or error
        if failure is not None:
            raise failure
        return self.folder

    def run(self) -> Any:
        self.run_steps()
        return self._result(self.trace.result)

    def _waits_for_all(self, call: Call) -> bool:
        return call.step is not None and bool(call.step.options.get("always")) and not self._needs(call)

    def _needs(self, call: Call) -> list[str]:
        """Steps that it can't run without."""
        found = [argument.step for argument in call.arguments if argument.step]
        if call.items is not None and isinstance(call.items.values, Placeholder) and call.items.values.step:
            found.append(call.items.values.step)
        after = call.step.options.get("after", ()) if call.step is not None else call.definition.after if call.definition is not None else ()
        found += names_of(after)
        if call.inner is not None:
            found += [value.step for value in call.inner[1].values() if isinstance(value, Placeholder) and value.step is not None]
        found += [step for condition in call.conditions for step in condition.steps]
        may_be_skipped = names_of(call.step.options.get("unless_failed", ())) if call.step is not None else []
        return [step for step in found if step not in may_be_skipped]

    def _step(self, call: Call, always: bool) -> None:
        if call.definition is not None and call.inner is None and call.definition.wait_for is None:
            return _skip(call.name, "what is added with add_step is for the server")
        missing = [need for need in self._needs(call) if need not in self.done]
        if missing and not always:
            return _skip(call.name, f"it needs {missing[0]}")
        for condition in call.conditions:
            if not condition.holds(self._value):
                return _skip(call.name, f"its condition says no: {condition.text}")
        folder = self.folder / call.name
        if call.inner is not None:
            made, given = call.inner
            values = {name: self._value(value) if isinstance(value, Placeholder) else value for name, value in given.items()}
            folder = _Run(made, cast(Step, call.definition).pipeline.texts(values)).run_steps()  # type: ignore[union-attr]
        elif call.step is None:
            folder.mkdir()  # what it waits for has come
        elif call.items is None:
            self._call(call.step, call, folder, self._text)
        else:
            items = []
            for at, item in enumerate(self._items(call.items)):
                items.append({"item": at, "value": item, "folder": f"{at:04}"})
                self._call(call.step, call, folder / f"{at:04}", lambda name, item=item: self._text(name, item))  # type: ignore[misc]
            folder.mkdir(exist_ok=True)
            (folder / ITEMS).write_text(json.dumps(items), encoding="utf-8")
        self.done[call.name] = folder

    def _call(self, step: StepFunction[Any, Any], call: Call, folder: pathlib.Path, text_of: Callable[[str], str]) -> None:
        searched = step.options["search"].space if "search" in step.options else ()  # one try, with what the function has itself
        step.run({argument.name: (argument.sign, argument.place(text_of)) for argument in call.arguments if argument.name not in searched}, folder)

    def _text(self, name: str, item: Any = None) -> str:
        """What a name in braces stands for."""
        if name == "item" or name.startswith("item."):
            for key in name.split(".")[1:]:
                item = item[key]
            return item if isinstance(item, str) else json.dumps(item)
        return self.params[name] if name in self.params else str(self.done.get(name, ""))

    def _items(self, items: Each) -> list[Any]:
        source = items.values
        if isinstance(source, Placeholder) and source.many:
            return cast(list[Any], json.loads((self.done[cast(str, source.step)] / ITEMS).read_text(encoding="utf-8")))
        values = self._value(source) if isinstance(source, Placeholder) else source
        if not isinstance(values, list):
            raise TypeError(f"each needs a list, and {source!r} is {values!r}")
        return values

    def _value(self, reference: Placeholder) -> Any:
        kind = reference.kind
        assert kind is not None
        if reference.step is None:
            return self.state if reference.file == "run.state" else kind.from_text(self.params[reference.file])
        file = self.done[reference.step] / reference.file
        if not reference.member:
            return kind.read(file)
        value = json.loads(file.read_text(encoding="utf-8"))
        for key in reference.member.split("."):
            value = value[key]
        return value

    def _result(self, result: Any) -> Any:
        """With values in place of references; None for what was skipped."""
        if isinstance(result, Placeholder):
            if result.step is not None and (result.step not in self.done or result.kind is None):
                return None
            if result.many:
                folder = self.done[cast(str, result.step)]
                return [cast(Any, result.kind).read(folder / item["folder"] / result.file) for item in json.loads((folder / ITEMS).read_text(encoding="utf-8"))]
            return self._value(result)
        if isinstance(result, dict):
            return {key: self._result(value) for key, value in result.items()}
        if isinstance(result, tuple) and hasattr(result, "_fields"):
            return type(result)(*(self._result(value) for value in result))
        return type(result)(self._result(value) for value in result) if isinstance(result, (list, tuple)) else result


def run(trace: Trace, params: Mapping[str, str]) -> Any:
    """Gives what the pipeline's function returned, with values. Raises what a step raises, after the steps with always have run."""
    return _Run(trace, params).run()
