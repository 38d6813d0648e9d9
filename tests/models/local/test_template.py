"""Chat templates that read the clock: one day for a run, in every engine and training."""

from shutil import copytree

from fixtures.cases import cases
from tiny_model import CHAT_TEMPLATE

from isoglot.core.day import VARIABLE
from isoglot.core.records import Prompt
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.encoder import PromptEncoder
from isoglot.models.local.template import writes_date


@cases("template_date")
def test_a_template_writes_the_day_that_is_kept(case, tiny_model, tmp_path, monkeypatch):
    folder = copytree(tiny_model, tmp_path / "m")
    (folder / "chat_template.jinja").write_text(case.input["template"] + CHAT_TEMPLATE)

    def written(day):
        monkeypatch.setenv(VARIABLE, day)
        encoder = PromptEncoder(WeightsConfig(path=str(folder)))
        text = encoder.render(Prompt.from_text("How many?", language="en"))
        assert text.endswith("<|user|>How many?<|end|><|assistant|>")
        return text.partition("<|user|>")[0], writes_date(encoder.tokenizer)

    first, second = written("2026-12-01"), written("2026-12-02")
    if case.right == ("the same each day",):
        assert first == second == ("26 Jul 2024", False)
    else:
        assert first in {("01 Dec 2026", True), ("Tuesday", True)}
        assert second in {("02 Dec 2026", True), ("Wednesday", True)}
        assert first == written("2026-12-01")
