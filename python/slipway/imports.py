"""Which files of a project a Python file is made of: itself and what it imports, as far as that is below the project's folder."""
import ast
import pathlib
from collections.abc import Iterator


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is imported anywhere: how many dots are in front, and the dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module
            yield from ((node.level, f"{module}.{alias.name}".strip(".")) for alias in node.names)


def _files(root: pathlib.Path, name: str) -> Iterator[pathlib.Path]:
    """Those that an import of `name` from `root` runs."""
    at = root
    for part in name.split("."):
        at = at / part
        yield from (file for file in (at.with_name(f"{part}.py"), at / "__init__.py") if file.is_file())


def project_files(file: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """From `folder`, `file` first, the rest sorted. Imports are looked for in the folder and beside the file that has them."""
    found: set[pathlib.Path] = {file}
    waiting = [file]
    while waiting:
        importing = waiting.pop()
        for level, name in _names(ast.parse(importing.read_bytes(), importing)):
            roots = [importing.parents[level - 1]] if level else [folder, importing.parent]
            for root in roots:
                for imported in _files(root, name) if name else iter([root / "__init__.py"]):
                    if imported not in found and imported.is_file() and imported.is_relative_to(folder):
                        found.add(imported)
                        waiting.append(imported)
    return [file.relative_to(folder).as_posix(), *sorted(other.relative_to(folder).as_posix() for other in found - {file})]
