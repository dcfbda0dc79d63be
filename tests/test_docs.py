"""The documents say what is there: commands, paths, links, decisions, notebooks, and no leftovers."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from spymaster_lake.cli import app
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.signals import SIGNALS

ROOT = Path(__file__).resolve().parents[1]
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES = sorted([*GUIDES, *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CLI = typer.main.get_command(app)

OLD_LAYOUT = (
    "es_" + "pipeline",
    "es_level_" + "state",
    "es_level_" + "episodes",
    "es_level_" + "indices",
    "gold/" + "streams/pentaview",
    "data/" + "ml/",
)
MACHINE_PATH = re.compile(rb"(?<![\w}\]/.*-])/(?:work|root|home|Users|tmp)/\w")
HOSTS = re.compile("http" + "s?://|" + "index-" + "url|py" + "pi|pythonhosted|maven" + r"\.org")


def name_of(path: Path) -> str:
    """A page by its path in the repository."""
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


def code_lines(page: Path) -> Iterator[str]:
    """Lines of the fenced blocks of a page, continued lines joined, comments left out."""
    for block in re.findall(r"```bash\n(.*?)```", re.sub(r"(?m)^ +", "", text_of(page)), re.DOTALL):
        for line in re.sub(r"\\\n *", "", block).splitlines():
            if line.strip() and not line.startswith("#"):
                yield line.partition("  #")[0].strip()


COMMANDS = sorted(
    {
        line
        for page in PAGES
        for line in code_lines(page)
        if line.startswith(("spymaster ", "spark-submit "))
    }
)


def parse_console(words: list[str]) -> None:
    """Parse the words as the console command would, options and their values too; run nothing."""
    command = CLI
    while hasattr(command, "commands"):
        assert words[:1], "a command is missing"
        assert words[0] in command.commands, f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words))


def parse_door(words: list[str]) -> None:
    """Parse the words of a spark-submit call of one of our jobs."""
    at = next(i for i, word in enumerate(words) if word.startswith("jobs/"))
    door = ROOT / words[at]
    names = re.search(r"main\(\[(.*?), \*sys", text_of(door))
    parse_console([*ast.literal_eval(f"[{names[1]}]"), *words[at + 1 :]])


def test_commands__are_found() -> None:
    """The pages hold commands; the tests below do not pass on nothing."""
    assert len(COMMANDS) >= 8
    assert any("jobs/run_stage.py" in command for command in COMMANDS)


@pytest.mark.parametrize("line", COMMANDS)
def test_command__parses(line: str) -> None:
    """A documented command exists with all its options; required ones are given."""
    words = shlex.split(line.partition(" | ")[0])
    parse_console(words[1:]) if words[0] == "spymaster" else parse_door(words)


def test_command__that_does_not_exist_is_noticed() -> None:
    """The check above fails on an unknown option and on an unknown command."""
    with pytest.raises(Exception, match="No such option"):
        parse_console(["coverage", "--instrument", "es", "--wrong", "1"])
    with pytest.raises(AssertionError, match="no command wrong"):
        parse_console(["wrong"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_inline_names__exist(page: Path) -> None:
    """Make targets, jobs and console commands that a sentence names exist."""
    text = text_of(page)
    targets = set(re.findall(r"(?m)^([a-z-]+):", text_of(ROOT / "Makefile")))
    code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *code_lines(page)])
    assert set(re.findall(r"(?m)^make ([a-z-]+)", code)) <= targets
    jobs = set(re.findall(r"jobs/\w+\.py", text))
    assert {j for j in jobs if not (ROOT / j).is_file()} == set()
    named = set(re.findall(r"(?m)^spymaster ([a-z-]+)", code))
    assert named <= set(CLI.commands)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as a renderer makes them."""
    heads = re.findall(r"(?m)^#+ (.+)$", text_of(page))
    return {re.sub(r"[^\w -]", "", h.lower()).strip().replace(" ", "-") for h in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links__lead_somewhere(page: Path) -> None:
    """Each relative link leads to a file, and its anchor to a heading."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages__hold_no_placeholder(page: Path) -> None:
    """What is not known is left out, not marked."""
    assert not re.search(r"\b(TO" + r"DO|TB" + r"D|FIX" + r"ME|XX" + r"X)\b", text_of(page))


def test_readme__names_every_stage_of_every_pipeline() -> None:
    """The table of pipelines lists the stages of the manifests in their order."""
    readme = text_of(ROOT / "README.md")
    for file in (ROOT / "manifests" / "es").rglob("manifest.json"):
        manifest = json.loads(text_of(file))
        row = re.search(rf"(?m)^\| `{manifest['pipeline_id']}` \|.*$", readme)
        stages = list(dict.fromkeys(s["stage_id"] for s in manifest["stages"]))
        assert re.findall(r"[a-z]+(?:_[a-z]+)+", row[0].split("|")[3]) == stages


def test_changelog__is_current() -> None:
    """Unreleased stands on top, then the version of the package; column counts are right."""
    text = text_of(ROOT / "CHANGELOG.md")
    version = re.search(r'(?m)^version = "(.+)"', text_of(ROOT / "pyproject.toml"))[1]
    assert re.findall(r"(?m)^## \[(.+?)\]", text)[:2] == ["Unreleased", version]
    counts = re.findall(r"`(signals|labels)` \((\d+) columns", text)
    assert dict(counts) == {
        "signals": str(len(SIGNALS.columns)),
        "labels": str(len(LABELS.columns)),
    }


def test_decisions__index_is_complete() -> None:
    """Numbers run without gaps; the index has number, title and status of every record."""
    index = text_of(ROOT / "docs" / "decisions" / "README.md")
    rows = re.findall(r"(?m)^\| \[(\d{4})\]\((\S+)\) \| (.+?) \| (.+?) \|$", index)
    found = []
    for path in DECISIONS:
        number, title = re.match(r"# (\d{4}) (.+)", text_of(path)).groups()
        status = re.search(r"## Status\n\n(.+)", text_of(path))[1]
        found.append((number, path.name, title, status))
    assert [r[:2] + r[3:] for r in rows] == [f[:2] + f[3:] for f in found]
    assert [int(f[0]) for f in found] == list(range(1, len(found) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_decisions__have_the_same_parts(path: Path) -> None:
    """A record has status, context, decision and consequences, and its number in the name."""
    heads = re.findall(r"(?m)^## (.+)$", text_of(path))
    assert heads == ["Status", "Context", "Decision", "Consequences"]
    assert text_of(path).startswith(f"# {path.name[:4]} ")


def test_definitions__name_modules_that_exist() -> None:
    """Each line of open definitions points to its module."""
    rows = re.findall(r"(?m)^\| .+ \| .+ \| (.+) \|$", text_of(ROOT / "docs" / "definitions.md"))
    rows = [row for row in rows if row not in {"where", "---"}]
    assert len(rows) > 40
    for row in rows:
        modules = re.findall(r"`([\w/]+\.py)`", row)
        assert modules, row
        assert all((ROOT / "spymaster_lake" / m).is_file() for m in modules), row


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """Cells of one kind of a notebook."""
    return [c for c in json.loads(text_of(path))["cells"] if c["cell_type"] == kind]


def tree_of(cell: dict[str, Any]) -> ast.Module:
    """The syntax tree of a code cell."""
    return ast.parse("".join(cell["source"]))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook__is_valid_and_clean(path: Path) -> None:
    """Format 4.5 with ids, no outputs, and the first code cell holds plain parameters."""
    book = json.loads(text_of(path))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [c["id"] for c in book["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", i) for i in ids)
    code = cells(path, "code")
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code)
    tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
    assert tagged == [code[0]]
    for line in tree_of(code[0]).body:
        assert isinstance(line, ast.Assign)
        assert isinstance(line.value, ast.Constant)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook__imports_only_what_is_public_and_exists(path: Path) -> None:
    """Names from the package exist and are public."""
    found = 0
    for cell in cells(path, "code"):
        for node in ast.walk(tree_of(cell)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("spymaster_lake"):
                module = importlib.import_module(node.module)
                for name in (a.name for a in node.names):
                    assert hasattr(module, name), f"{node.module}.{name}"
                    assert not name.startswith("_")
                    found += 1
    assert found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook__has_no_logic(path: Path) -> None:
    """A notebook looks and plots: no functions, classes, loops, branches or writes."""
    logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With)
    for cell in cells(path, "code"):
        assert not [n for n in ast.walk(tree_of(cell)) if isinstance(n, logic)]
        assert ".write" not in "".join(cell["source"])


def test_notebooks__one_per_layer() -> None:
    """Bronze, Silver, Gold and run records have a notebook each."""
    assert [p.stem for p in NOTEBOOKS] == ["01_bronze", "02_silver", "03_gold", "04_runs"]


def repository_files() -> list[Path]:
    """Files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_repository__holds_nothing_of_the_unsupported_layout() -> None:
    """The names of the layout that is not supported occur nowhere (00 section 3)."""
    files = repository_files()
    assert len(files) > 100
    found = [
        (name_of(path), word)
        for path in files
        for word in OLD_LAYOUT
        if word in name_of(path) or word.encode() in path.read_bytes()
    ]
    assert found == []


def test_repository__holds_no_machine_path() -> None:
    """No file names a folder of somebody's machine; names in the lake are no such folder."""
    assert MACHINE_PATH.search(b'"/' + b'work/main"')
    assert not MACHINE_PATH.search(b"version=4.5.0/work/trades")
    found = {name_of(p): MACHINE_PATH.findall(p.read_bytes()) for p in repository_files()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_configuration__names_no_registry() -> None:
    """Locks, settings and build files name no host; whoever installs decides where from."""
    kinds = {".lock", ".toml", ".yaml", ".yml", ".xml", ".sh", ".cfg", ".ini", ".json", ""}
    named = [p for p in repository_files() if p.suffix in kinds and HOSTS.search(text_of(p))]
    assert [name_of(p) for p in named] == []
