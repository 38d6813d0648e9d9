"""The models of the lab that lie in the package, by their names."""

from pathlib import Path

from isoglot.core.errors import InputError

MODELS = Path(__file__).parent / "models"
"""The checkpoints in the package."""

POLICY = MODELS / "policy"


def lab_path(path: str) -> str:
    """The folder of `lab:NAME`, and of `lab`, which is the policy; any other path as it is.

    Raises InputError for a name that the package has not.
    """
    word, colon, name = path.partition(":")
    if word != "lab" or not (colon or path == "lab"):
        return path
    folder = MODELS / (name or "policy")
    if not (folder / "config.json").is_file():
        there = ", ".join(sorted(f"lab:{found.name}" for found in MODELS.iterdir()))
        raise InputError(f"the lab has no model {path!r}: expected one of {there}")
    return str(folder)
