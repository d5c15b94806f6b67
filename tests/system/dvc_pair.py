"""The same repository twice: `dvc repro` runs in one, `slipway run` in the other."""
import json
import shutil
import subprocess

from conftest import BINARY
from test_dvc_remote import Repository


class Pair:
    """Theirs is for dvc, ours for slipway. `fill` writes what both begin with into a folder."""

    def __init__(self, tmp_path, server, fill=lambda folder: None):
        self.server = server
        self.theirs = Repository(tmp_path / "theirs")
        fill(self.theirs.folder)
        self.ours = Repository(tmp_path / "ours", self.theirs.folder)
        shutil.rmtree(self.ours.folder)
        shutil.copytree(self.theirs.folder, self.ours.folder)

    def both(self):
        return (self.theirs, self.ours)

    def write(self, path: str, text: str):
        for repository in self.both():
            file = repository.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def replace(self, path: str, old: str, new: str):
        text = (self.ours.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def slipway(self, *args: str, below: str = ".", check=True) -> subprocess.CompletedProcess:
        done = subprocess.run([BINARY, "--url", self.server.url, "--json", "run", *args], cwd=self.ours.folder / below, capture_output=True, text=True,
                              env=self.ours.environment)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def logs(self, *args: str, below: str = ".") -> dict[str, str]:
        """By the steps of a run of ours."""
        run = json.loads(self.slipway(*args, below=below).stdout)
        return {step["name"]: self.server.cli("pipelines", "log", run["id"], step["name"]).stdout for step in run["steps"]}

    def ran(self, *args: str, below: str = ".") -> set[str]:
        """The steps of a run of ours that ran their commands."""
        return {step for step, log in self.logs(*args, below=below).items() if "Running stage" in log}

    def same(self, *files: str):
        for file in files:
            assert (self.ours.folder / file).read_text() == (self.theirs.folder / file).read_text(), file
