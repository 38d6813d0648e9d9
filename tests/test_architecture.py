"""The floor plan of CONTRIBUTING.md: its ten rules, a test for each, and two more."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

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
"""The floors, top to bottom: an import goes to the same one or to one further down."""

HEAVY = {
    *("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers", "vllm"),
    *("plotly", "jinja2", "rich", "httpx2", "tenacity", "sacrebleu", "scipy", "babel", "pandas"),
    *("py3langid", "ray", "filelock", "sympy", "math_verify"),
}

DEFINED_TWICE: dict[str, str] = {}
"""Public names that stand in two modules, each with its reason."""

WORDS = {
    *("question", "ask", "asked", "weigh", "way", "said", "told", "standing"),
    *("learn", "imitate", "tongue", "beside"),
}
"""Words that name nothing: docs/glossary.md has one term for one thing, and these are none."""

WORDS_KEPT = {
    "commands/evaluate.py: questions": "the option --questions",
    "data/cross_lingual.py: ask": "a key of recipes",
    "data/cross_lingual.py: ask_same_language": "a key of recipes",
    "recipe/recipe.py: translates_one_way": "one way, which is no way of doing",
    "report/results/summary.py: way": "a field of summary.json",
    "report/results/summary.py: ways": "a field of summary.json",
}
"""Names with such a word, each with its reason."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def floor_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return str(path.relative_to(SRC))


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
    """Modules that importing the file imports; `if TYPE_CHECKING` does not count."""
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return imports(ast.Module(body=top, type_ignores=[]))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def public_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def test_1_the_root_is_no_drawer() -> None:
    there = {path.name for path in SRC.iterdir() if path.is_file()}
    assert there == {"__init__.py", "__main__.py", "py.typed"}
    assert not {path.stem for path in FILES} & {"utils", "helpers", "misc", "common_utils"}


def test_2_an_import_goes_down() -> None:
    up = {
        f"{name_of(path)} imports {name}"
        for path in FILES
        for name in imports(tree_of(path))
        if name.split(".")[0] == "isoglot"
        and ORDER.index([*name.split("."), "__init__"][1]) < ORDER.index(floor_of(path))
    }
    assert not up, sorted(up)


def test_2_contributing_has_the_floors_in_their_order() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^  (\w+)/ ", text, re.M)
    assert listed == [name for name in ORDER if not name.startswith("__")]
    folders = {p.name for p in SRC.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(listed)


def test_2_no_stage_imports_another_or_a_model_or_opens_a_file() -> None:
    for path in (SRC / "data").glob("*.py"):
        for name in imports(tree_of(path)):
            assert not name.startswith("isoglot") or name.startswith("isoglot.core"), path.name
        calls = {
            node.func.id
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"open", "print", "input", "exec", "eval"}, path.name


def test_2_there_is_no_import_cycle() -> None:
    graph = {
        ".".join(path.relative_to(SRC.parent).with_suffix("").parts): imports(tree_of(path))
        for path in FILES
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"cycle: {' -> '.join([*above, module])}"
        if module not in done:
            for name in graph.get(module, set()):
                visit(name, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_3_nobody_imports_the_commands_and_only_they_speak_to_a_terminal() -> None:
    for path in FILES:
        names = imports(tree_of(path))
        if floor_of(path) not in ("commands", "__main__"):
            assert not any(name.startswith("isoglot.commands") for name in names), path
            assert "typer" not in names, path
        if name_of(path) not in ("report/table.py", "execute/progress.py"):
            rich = {name for name in names if name.split(".")[0] == "rich"}
            assert not rich or floor_of(path) == "commands", path


def test_4_pages_are_made_of_typed_results_by_one_engine() -> None:
    engine = re.compile(
        r"isoglot\.(core\.|report\.(results|charts|cards|table|cells|page|pages)\b)"
    )
    for path in (SRC / "report" / "pages").glob("*.py"):
        ours = {name for name in imports(tree_of(path)) if name.startswith("isoglot")}
        others = {name for name in ours if not engine.match(name)}
        assert not others, f"{path.name}: {others}"
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 150, path.name
    for path in (SRC / "report").rglob("*.py"):
        for function in functions(tree_of(path)):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            hints = [each.annotation for each in arguments] + [function.returns]
            signature = " ".join(ast.unparse(hint) for hint in hints if hint)
            assert not re.search(r"(dict|Mapping)\[str, Any\]", signature), (path, function.name)


def test_5_a_public_name_is_defined_once() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for name in public_names(tree_of(path)):
            places[name].append(name_of(path))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert set(twice) == set(DEFINED_TWICE), twice
    assert len(DEFINED_TWICE) <= 10


def test_5_names_are_the_terms_of_the_glossary() -> None:
    found = {
        f"{name_of(path)}: {name}"
        for path in FILES
        for name in [path.stem, *public_names_within(tree_of(path))]
        if WORDS & {part.lower().removesuffix("s") for part in re.findall(r"[A-Z]?[a-z]+", name)}
    }
    assert found == set(WORDS_KEPT)


def public_names_within(node: ast.AST) -> Iterator[str]:
    """The public functions, classes, methods, parameters and fields of a tree, however deep."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                if name.startswith("_") and not name.startswith("__"):
                    continue
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("_"):
                yield name
        yield from public_names_within(child)


def test_7_heavy_libraries_are_imported_where_they_are_needed() -> None:
    for path in FILES:
        top = {name.split(".")[0] for name in imports_at_top(tree_of(path))}
        assert not top & HEAVY, f"{name_of(path)}: {top & HEAVY}"


def test_7_import_loads_nothing_heavy() -> None:
    heavy = sorted(HEAVY - {"rich"})  # which typer imports
    code = f"import sys, isoglot.commands.main; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_8_files_and_functions_are_small_and_formatted() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 500, path
        assert "fmt: " not in text, path
        for function in functions(tree_of(path)):
            assert function.end_lineno is not None
            assert function.end_lineno - function.lineno < 60, f"{path}: {function.name}"


def test_8_a_docstring_says_what_a_thing_is_or_does() -> None:
    """A noun clause at its beginning ("What decides …") is no sentence of a native engineer."""
    clause = re.compile(r"(What|How|Whether|Of|As|Where|Which|Those|Who|Whose|That)\b")
    for path in FILES:
        nodes = [n for n in ast.walk(tree_of(path)) if hasattr(n, "body") and n is not None]
        for node in nodes:
            for text in docstrings(node):
                assert not clause.match(text), f"{name_of(path)}: {text.splitlines()[0]}"
        if path.name != "__init__.py":
            assert ast.get_docstring(tree_of(path)), f"{path}: the module"
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def docstrings(node: ast.AST) -> Iterator[str]:
    """The docstring of a module, class or function, and those of the fields below it."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    body = node.body if isinstance(node, ast.Module | ast.ClassDef) else node.body[:1]
    for each in body:
        value = each.value if isinstance(each, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value.strip()


def test_9_only_an_input_error_is_the_users() -> None:
    """The command line tells the errors of a user, of the system and of a run in one line."""
    main = next(f for f in functions(tree_of(SRC / "commands/main.py")) if f.name == "main")
    caught = {
        ast.unparse(kind)
        for node in ast.walk(main)
        if isinstance(node, ast.ExceptHandler) and node.type is not None
        for kind in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])
    }
    assert caught <= {
        "InputError",
        "OSError",
        "RunError",
        "KeyboardInterrupt",
        "Exception",
        "SystemExit",
    }
    for path in FILES:
        if floor_of(path) != "core":  # where a ValueError is a caller's bug
            raised = re.findall(r"raise ValueError\(", path.read_text(encoding="utf-8"))
            assert not raised, f"{path}: an InputError, or an assertion"


def test_10_nothing_but_the_loaders_knows_the_lab() -> None:
    loaders = {"recipe/models.py", "recipe/sections.py", "line/sources.py", "commands/lab.py"}
    for path in FILES:
        known = {name for name in imports(tree_of(path)) if name.startswith("isoglot.lab")}
        assert not known or name_of(path) in loaders or floor_of(path) == "lab", path


def test_only_load_knows_the_implementations_of_the_models() -> None:
    rooms = r"(local|server|translation|language)\.(?!prompted)"  # a prompt for any sampler
    implementations = re.compile(rf"isoglot\.models\.({rooms}|file|source)")
    for path in FILES:
        if floor_of(path) not in ("models", "train"):  # training has the model in its hands
            known = {name for name in imports(tree_of(path)) if implementations.match(name)}
            assert not known, f"{path}: {known}"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [d for group in project["optional-dependencies"].values() for d in group]
    names = {re.split("[<>=[]", d)[0].lower() for d in [*project["dependencies"], *extras]}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if "==" in line}
    assert names - {"isoglot"} <= pinned, sorted(names - pinned)


def test_every_name_of_the_public_api_is_there() -> None:
    import isoglot

    assert all(getattr(isoglot, name) is not None for name in isoglot.__all__)


def test_files_of_tests_have_names_of_their_own() -> None:
    """pytest imports them by their names alone, and stops at the second of a name."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert not [name for name, num in names.items() if num > 1]
