"""The floor plan: arrows go down only, files stay small, and `import isoglot` stays light."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "isoglot"
FILES = sorted(SRC.rglob("*.py"))

ORDER = (
    "__main__",
    "commands",
    "__init__",
    "study",
    "planning",
    "judging",
    "rewards",
    "line",
    "recipe",
    "lab",
    "benchmarks",
    "evals",
    "train",
    "data",
    "models",
    "report",
    "execute",
    "core",
)
"""The floors, top to bottom: what stands in one imports from itself and from later ones only."""

HEAVY = {
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "plotly", "jinja2",
    "tokenizers", "py3langid", "ray", "vllm", "rich", "httpx2", "tenacity", "sacrebleu", "scipy",
    "babel",
}  # fmt: skip
ROWS_IN_ROWS_OUT = {"open", "print", "input", "exec", "eval"}


def floor_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> set[str]:
    """Every module that a tree imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names.add(node.module or "")
    return names


def imports_at_top(tree: ast.Module) -> set[str]:
    typing_only = [n for n in tree.body if not isinstance(n, ast.If)]
    top = [n for n in typing_only if isinstance(n, ast.Import | ast.ImportFrom)]
    return imports(ast.Module(body=top, type_ignores=[]))


def test_arrows_go_down_only() -> None:
    up = {
        f"{path.relative_to(SRC)} imports {name}"
        for path in FILES
        for name in imports(tree_of(path))
        if name.split(".")[0] == "isoglot"
        and ORDER.index([*name.split("."), "__init__"][1]) < ORDER.index(floor_of(path))
    }
    assert not up, sorted(up)


def test_no_stage_imports_another_or_a_model() -> None:
    for path in (SRC / "data").glob("*.py"):
        for name in imports(tree_of(path)):
            assert not name.startswith(("isoglot.data", "isoglot.models")), f"{path.name}: {name}"


@pytest.mark.parametrize("path", sorted((SRC / "data").glob("*.py")), ids=lambda p: p.name)
def test_a_stage_is_rows_in_rows_out(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & ROWS_IN_ROWS_OUT


def test_only_load_knows_the_implementations_of_the_models() -> None:
    rooms = r"(local|server|translation|language)\.(?!prompted)"  # a prompt for any sampler
    implementations = re.compile(rf"isoglot\.models\.({rooms}|file|source)")
    for path in FILES:
        if floor_of(path) not in ("models", "train"):  # training has the model in its hands
            known = {name for name in imports(tree_of(path)) if implementations.match(name)}
            assert not known, f"{path}: {known}"


def test_nothing_but_the_loaders_knows_the_lab() -> None:
    loaders = {"recipe/models.py", "recipe/sections.py", "line/sources.py", "commands/lab.py"}
    for path in FILES:
        known = {name for name in imports(tree_of(path)) if name.startswith("isoglot.lab")}
        name = str(path.relative_to(SRC))
        assert not known or name in loaders or floor_of(path) == "lab", f"{name}: {known}"


def test_there_is_no_import_cycle() -> None:
    graph = {
        ".".join(p.relative_to(SRC.parent).with_suffix("").parts): imports(tree_of(p))
        for p in FILES
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"cycle: {' -> '.join([*above, module])}"
        if module in done:
            return
        for name in graph.get(module, set()):
            visit(name, (*above, module))
        done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_heavy_libraries_are_imported_where_they_are_needed(path: Path) -> None:
    top = {name.split(".")[0] for name in imports_at_top(tree_of(path))}
    assert not top & HEAVY


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 60, f"{node.name} is too long"


def test_no_file_is_a_drawer() -> None:
    assert not {p.stem for p in FILES} & {"utils", "helpers", "misc", "common_utils"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_every_public_name_has_a_docstring(path: Path) -> None:
    tree = tree_of(path)
    if path.name != "__init__.py":
        assert ast.get_docstring(tree), "the module"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_import_loads_nothing_heavy() -> None:
    code = (
        f"import sys, isoglot.commands.main; print(sorted({HEAVY - {'rich'}!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [d for group in project["optional-dependencies"].values() for d in group]
    wanted = {re.split("[<>=[]", d)[0].lower() for d in [*project["dependencies"], *extras]} - {
        "isoglot"
    }
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert wanted <= pinned, sorted(wanted - pinned)


def test_contributing_has_the_floors_in_their_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^  (\w+)/ ", text, re.M)
    assert listed == [name for name in ORDER if not name.startswith("__")]
    folders = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(listed)


def test_every_public_name_is_there() -> None:
    import isoglot

    assert all(getattr(isoglot, name) is not None for name in isoglot.__all__)
