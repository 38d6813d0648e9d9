"""The union of model configs: one class for each engine, selected by `engine`."""

from typing import Any, get_args

from pydantic import Discriminator

from isoglot.models.local.config import WeightsEngine

_WEIGHTS = get_args(WeightsEngine)
WEIGHTS = "weights"
"""Tag of the config whose `engine` is one of those that run weights of one's own."""


def by_engine(*engines: str, kinds: tuple[str, ...] = ()) -> Discriminator:
    """Select a config by its key `engine`, by default `auto`.

    `engines` are those with a config of their own, `kinds` the entries that name no model and are
    selected by `kind`.
    """

    def tag(values: Any) -> str | None:
        given = values.get if isinstance(values, dict) else lambda key: getattr(values, key, None)
        if (kind := given("kind")) is not None:
            return kind if kind in kinds else None
        engine = given("engine") or "auto"
        return WEIGHTS if engine in _WEIGHTS else engine if engine in engines else None

    others = f", or kind {' or '.join(kinds)}" * bool(kinds)
    known = ", ".join((*_WEIGHTS, *engines))
    return Discriminator(
        tag,
        custom_error_type="engine",
        custom_error_message=f"expected an engine among {known}{others}",
    )
