"""Load the YAML file of a recipe or study, by its path or by its name in the package."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from isoglot.core.errors import InputError, did_you_mean
from isoglot.core.files import read_file_text
from isoglot.core.yaml import read_yaml

YamlKind = Literal["recipe", "study"]

_FOLDERS: dict[YamlKind, str] = {
    "recipe": "isoglot.recipe.shipped",
    "study": "isoglot.study.shipped",
}


def packaged(kind: YamlKind) -> list[str]:
    """List the names of the recipes or studies in the package."""
    names = (file.name for file in files(_FOLDERS[kind]).iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def load_yaml(kind: YamlKind, name_or_path: str) -> dict[str, Any]:
    """Load the keys and values of a `.yaml` file, or of a file of the package by its name.

    Raises InputError for no such file or name, and for no YAML.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        try:
            return read_yaml(read_file_text(path), f"{kind} {name_or_path}")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read {kind} {name_or_path} ({error}); correct the path"
            ) from None
    return read_yaml(shipped_text(kind, name_or_path), f"{kind} {name_or_path}")


def shipped_text(kind: YamlKind, name: str) -> str:
    """Return the text of a file of the package, with its comments; InputError for no such name."""
    if name not in (names := packaged(kind)):
        hint = did_you_mean(name, names, f"in the package: {', '.join(names)}")
        raise InputError(f"no {kind} {name!r}: expected a .yaml file or a name; {hint}")
    return files(_FOLDERS[kind]).joinpath(f"{name}.yaml").read_text("utf-8")
