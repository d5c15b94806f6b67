"""`.slipwayignore`: what add, status and diff pass over is what git passes over for the same lines in `.gitignore`."""
import random
import subprocess

from test_data_versions import Folder


def test_a_folder_with_an_ignore_file(tmp_path):
    work = Folder(tmp_path / "flights")
    work("init")
    for path in ("a.csv", "a.tmp", "keep.tmp", "logs/1.log", "deep/logs/2.log", "deep/b.csv", "deep/only/c.csv"):
        work.write(path, path)
    work("commit", "-a", "-m", "all")
    work.write(".slipwayignore", "# scratch\n*.tmp\n!keep.tmp\nlogs/\n/deep/only\n")
    said = {c["path"]: c["change"] for c in work.json("status")["not_added"]}
    assert said == {".slipwayignore": "new", "a.tmp": "ignored", "logs/1.log": "ignored", "deep/logs/2.log": "ignored", "deep/only/c.csv": "ignored"}
    assert {c["path"]: c["change"] for c in work.json("diff")["changes"]} == {
        ".slipwayignore": "added", "a.tmp": "removed", "logs/1.log": "removed", "deep/logs/2.log": "removed", "deep/only/c.csv": "removed"}
    assert work.json("add", ".")["removed"] == 4
    work("commit", "-m", "without scratch")
    assert (work.path / "a.tmp").read_text() == "a.tmp"  # what is ignored stays where it is
    assert "nothing has changed" in work("status")
    work.write("b.tmp", "1")
    work.write("deep/.slipwayignore", "!b.tmp\nb.csv\n")
    work.write("deep/b.tmp", "1")
    said = {c["path"]: c["change"] for c in work.json("status")["not_added"]}
    assert said == {"deep/.slipwayignore": "new", "deep/b.csv": "ignored", "deep/b.tmp": "new"}
    for path in ("b.tmp", "logs", "logs/1.log"):
        assert ".slipwayignore:" in work("add", path, code=1), path
    assert "ignored" in work("add", "deep/b.csv", code=1)
    said = work.json("check-ignore", "b.tmp", "deep/logs/2.log", "a.csv")["ignored"]
    assert said == [{"path": "b.tmp", "file": ".slipwayignore", "line": 2, "pattern": "*.tmp", "ignored": "b.tmp"},
                    {"path": "deep/logs/2.log", "file": ".slipwayignore", "line": 4, "pattern": "logs/", "ignored": "deep/logs"}]
    assert work("check-ignore", "a.csv", code=1) == ""
    # A version that has them brings them; what is in the way of one and ignored is not lost.
    work("commit", "-a", "-m", "deep")
    work("checkout", "HEAD~2")
    assert set(work.contents()) >= {"a.tmp", "logs/1.log"}


def test_what_is_ignored_and_in_the_way_is_not_lost(tmp_path):
    work = Folder(tmp_path / "flights")
    work("init")
    work.write("cache", "a file")
    work("commit", "-a", "-m", "file")
    (work.path / "cache").unlink()
    work.write(".slipwayignore", "cache/\n")
    work.write("cache/x", "precious")
    work("commit", "-a", "-m", "ignored")
    assert "cache/x" in work("checkout", "HEAD~1", code=1)
    assert (work.path / "cache/x").read_text() == "precious"


NAMES = ["a", "b", "foo", "bar", "foo.txt", "a b", "x#y", "!z", "[k]", "tmp", "a*b", "B", "é", "9", "-", "foo.", "back\\slash", " lead", "trail "]


def random_pattern(numbers: random.Random) -> str:
    part = lambda: "".join(numbers.choice(  # noqa: E731
        ["*", "**", "***", "?", "a", "b", "foo", "bar", ".txt", "[ab]", "[!a]", "[^b]", "[a-z]", "[]a]", "[[:upper:]]", "[[:alpha:]9]", "[[:nope:]]", "[a", "\\*",
         "\\", "\\ ", " ", "#", "!", "-", "[a-]", "[--0]", "[\\]]", "é", "x", "[^[:digit:]]", "[[:x]", "[a\\-z]"] + NAMES) for _ in range(numbers.randint(1, 3)))
    text = "/".join(numbers.choice([part(), part(), "**", "*", numbers.choice(NAMES)]) for _ in range(numbers.choice([1, 1, 1, 2, 2, 3, 4])))
    return numbers.choice(["", "", "", "!", "/", "!/", "\\"]) + text + numbers.choice(["", "", "", "/", " ", "\\ ", "  ", "/**", "//", "\r"])


def test_patterns_are_matched_as_git_does(tmp_path):
    """Random files with random lines in two of the folders: `git check-ignore` and ours ignore the same of many paths."""
    numbers = random.Random(20)
    work = Folder(tmp_path / "both")
    work("init")
    subprocess.run(["git", "init", "-q", work.path], check=True)
    folders = {""}
    for _ in range(300):
        path = "/".join(numbers.choice(NAMES) for _ in range(numbers.randint(1, 4)))
        if not (work.path / path).exists() and not any((work.path / "/".join(path.split("/")[:i])).is_file() for i in range(1, path.count("/") + 1)):
            work.write(path, "")
    paths = sorted(p.relative_to(work.path).as_posix() for p in work.path.rglob("*") if not {".git", ".slipway"} & set(p.relative_to(work.path).parts))
    folders = [p for p in paths if (work.path / p).is_dir()]
    compared = ignored = 0
    for round in range(120):
        places = ["", numbers.choice(folders)]
        for place in places:
            lines = "\n".join(random_pattern(numbers) for _ in range(numbers.randint(1, 4))) + numbers.choice(["", "\n"])
            for name in (".gitignore", ".slipwayignore"):
                (work.path / place / name).write_text(lines, newline="")
        asked = subprocess.run(["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "-z", "--no-index", "--stdin"], cwd=work.path,
                               input="\0".join(paths), capture_output=True, text=True)
        assert asked.returncode in (0, 1), asked.stderr
        git = set(asked.stdout.split("\0")) - {""}
        asked_of = [f"./{p}" for p in paths]  # a name in brackets would be a list
        ours = {i["path"][2:] for i in work.json("check-ignore", *asked_of, code=0 if git else 1)["ignored"]}
        told = {place: (work.path / place / ".slipwayignore").read_text() for place in places}
        assert ours == git, (ours - git, git - ours, told)
        # What add takes is the rest.
        rest = {p for p in paths if (work.path / p).is_file() and p not in git}
        said = {c["path"] for c in work.json("status")["not_added"]}
        assert {p for p in said if not p.endswith("ignore")} == rest, told
        compared += len(paths)
        ignored += len(git)
        for place in places:
            for name in (".gitignore", ".slipwayignore"):
                (work.path / place / name).unlink(missing_ok=True)
    print(f"{compared} paths compared, {ignored} of them ignored")
    assert ignored > 1000
