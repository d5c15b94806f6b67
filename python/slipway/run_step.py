"""What the command of a step is: `python3 -m slipway.run_step FILE:FUNCTION OUT [NAME=TEXT | NAME@FILE]...`, in the project's folder.

Exit codes: what the function does; 3 when it raises Refused; 1 for anything else that is raised, whose traceback is written.
"""
import importlib.util
import os
import pathlib
import re
import sys
import traceback

from slipway.steps import Refused, StepFunction

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_REFUSED = 3  # a gate said no


def load(place: str) -> StepFunction[..., object]:
    """The step FUNCTION of FILE, which is imported as its name from here says: what it imports is looked for here and beside it. LookupError: no such step."""
    name, _, function = place.rpartition(":")
    file = pathlib.Path(name).resolve()
    if not file.is_file():
        raise LookupError(f"there is no file {name} in {os.getcwd()}")
    sys.path[:0] = [entry for entry in dict.fromkeys([os.getcwd(), str(file.parent)]) if entry not in sys.path]
    parts = pathlib.Path(name).with_suffix("").parts
    module_name = ".".join(parts) if all(part.isidentifier() for part in parts) else file.stem
    if module_name in sys.modules:
        module_name = f"_slipway_{module_name.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise LookupError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    found = getattr(module, function, None)
    if not isinstance(found, StepFunction):
        raise LookupError(f"{name} has no function {function} with @step: apply the project again")
    return found


def _show(error: BaseException) -> None:
    """The traceback from the first line on that isn't the SDK's."""
    first = error.__traceback__
    while first is not None and (first.tb_frame.f_code.co_filename.startswith(_HERE) or "importlib" in first.tb_frame.f_code.co_filename):
        first = first.tb_next
    traceback.print_exception(type(error), error, first)


def main(words: list[str]) -> int:
    if len(words) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    given = {}
    for word in words[2:]:
        found = re.fullmatch(r"([^\W\d]\w*)([=@])(.*)", word, re.DOTALL)
        if not found:
            print(f"slipway: not an argument (NAME=TEXT or NAME@FILE): {word!r}", file=sys.stderr)
            return 2
        given[found[1]] = (found[2], found[3])
    try:
        load(words[0]).run(given, pathlib.Path(words[1]))
    except Refused as error:
        print(f"slipway: refused: {error}", file=sys.stderr)
        return _REFUSED
    except Exception as error:
        _show(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
