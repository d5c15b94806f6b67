"""Drift reports of frames, shown by notebooks: what `slipway monitor report` says, by the binary itself."""
import html
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet

from slipway.errors import InvalidArgument, NotFound, Unavailable
from slipway.frames import to_arrow

_OF_SERVER = ("dataset:", "monitor:")
_EXIT_CODES = {4: NotFound, 5: Unavailable}


@dataclass(frozen=True)
class DriftReport:
    """What two data sets differ by, the worst column first. `result` is the report as JSON, `page` as one page that needs nobody else. Shown by notebooks."""

    result: Mapping[str, Any]
    page: str = field(repr=False)

    @property
    def drifted(self) -> bool:
        """Whether enough columns have drifted for the whole to have."""
        return bool(self.result["drifted"])

    @property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        return list(self.result["columns"])

    def save(self, file: str | os.PathLike) -> None:
        """As a page (.html) or JSON (.json). ValueError: another ending."""
        path = pathlib.Path(file)
        if path.suffix not in (".html", ".json"):
            raise ValueError(f"a report is .html or .json: {path}")
        path.write_text(self.page if path.suffix == ".html" else json.dumps(self.result) + "\n", encoding="utf-8")

    def _repr_html_(self) -> str:
        # A frame: the page's styles are its own, and so are the notebook's.
        return f"<iframe sandbox=\"allow-scripts\" srcdoc=\"{html.escape(self.page)}\" style=\"width:100%;height:36em;border:0\" title=\"Drift report\"></iframe>"

    def __str__(self) -> str:
        lines = [f"{self.result['columns_drifted']} of {self.result['columns_compared']} columns drifted"]
        lines += [f"  {column['column']}: {column['verdict']}" + (f" ({'; '.join(column['notes'])})" if column.get("notes") else "") for column in self.columns]
        return "\n".join(lines)


def drift_report(reference: Any, current: Any, *, method: str | None = None, columns: Sequence[str] = (), threshold: float | None = None,
                 multivariate: Sequence[str] = (), quality: bool = False, flags: Sequence[str] = (), url: str | None = None, token: str | None = None,
                 binary: str | os.PathLike | None = None) -> DriftReport:
    """Compares two data sets column by column as `slipway monitor report` does, which it runs.

    Each side is a frame (pandas, polars, Arrow, columns by name), a path of a Parquet or CSV file, or, both of them, what the server at `url` has:
    "dataset:NAME@VERSION", "monitor:NAME@FROM..TO". `flags` are more of the command's. The binary is `binary`, $SLIPWAY_BINARY or the `slipway` in the PATH.
    SlipwayError with the command's words: no column in common, no such method. FileNotFoundError: no binary.
    """
    program = binary or os.environ.get("SLIPWAY_BINARY") or shutil.which("slipway")
    if not program:
        raise FileNotFoundError("no slipway binary: put it into the PATH, or name it with binary= or SLIPWAY_BINARY")
    with tempfile.TemporaryDirectory(prefix="slipway-drift-") as folder:
        sides = [_side(side, pathlib.Path(folder), name) for name, side in (("reference", reference), ("current", current))]
        words = [os.path.abspath(program), *(["--url", url] if url else []), "--json", "monitor", "report", *sides, "--out", "report.html"]
        for flag, value in (("--method", method), ("--threshold", threshold), ("--columns", ",".join(columns)), ("--multivariate", ",".join(multivariate))):
            words += [flag, str(value)] if value not in (None, "") else []
        words += ["--quality"] if quality else []
        environment = {**os.environ, **({"SLIPWAY_TOKEN": token} if token else {})}
        done = subprocess.run([*words, *flags], capture_output=True, text=True, cwd=folder, env=environment, check=False)
        if done.returncode != 0:
            raise _EXIT_CODES.get(done.returncode, InvalidArgument)(done.stderr.strip() or f"slipway monitor report gave {done.returncode}")
        return DriftReport(json.loads(done.stdout), (pathlib.Path(folder) / "report.html").read_text(encoding="utf-8"))


def _side(side: Any, folder: pathlib.Path, name: str) -> str:
    """What the command, run in `folder`, knows this side by."""
    if isinstance(side, (str, os.PathLike)):
        text = os.fspath(side)
        return text if text.startswith(_OF_SERVER) else os.path.abspath(text)
    pyarrow.parquet.write_table(to_arrow(side), folder / f"{name}.parquet")
    return f"{name}.parquet"
