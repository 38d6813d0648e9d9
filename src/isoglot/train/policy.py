"""The policy that a training starts from."""

from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.files import written_whole
from isoglot.core.thinking import ThoughtMarks
from isoglot.models.local.adapters import base_of
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.template import save_tokenizer
from isoglot.models.local.weights import load_config, located


class Policy(NamedTuple):
    """The model that training starts from."""

    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none."""
    template: str | None = None
    """A file with a chat template in place of its own."""
    thought_marks: ThoughtMarks = "auto"

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of `from_pretrained` besides the path."""
        return located(self.path, self.revision)[1]


def prepare_policy(policy: Policy, out: Path) -> Policy:
    """Return the policy, or for a folder of adapters their base with these merged.

    The merged policy is in `out/start`, which is removed after the training.

    Raises:
        InputError: adapters that do not fit their base.
    """
    from accelerate import PartialState

    from isoglot.models.local.transformers import CausalModel

    if base_of(policy.path) is None:
        return policy
    start = out / "start"
    with PartialState().main_process_first():
        if not start.exists():
            config = WeightsConfig(path=policy.path, device="cpu", format="plain")
            loaded = CausalModel(config)
            base, hub, _ = loaded.encoder.weights
            dtype = load_config(base, hub).dtype
            with written_whole(start) as temporary:
                loaded.model.to(dtype or loaded.model.dtype).save_pretrained(temporary)
                save_tokenizer(loaded.encoder.tokenizer, temporary)
    return policy._replace(path=str(start), revision="main")
