"""The identifier of a user's fastText model, on a small one that is trained here."""

import pytest

from isoglot.core.errors import InputError
from isoglot.line.sources import identifier_of
from isoglot.models.language.fasttext import FasttextIdentifier
from isoglot.recipe.recipe import load_recipe

fasttext = pytest.importorskip("fasttext")

SENTENCES = {
    "eng_Latn": ["the house stands on the hill", "we have read this book with them"],
    "deu_Latn": ["das haus steht auf dem berg", "wir haben dieses buch mit ihnen gelesen"],
    "swh_Latn": ["nyumba iko juu ya kilima", "tumesoma kitabu hiki pamoja nao leo"],
    "arb_Arab": ["البيت على التل الكبير", "قرأنا هذا الكتاب معهم اليوم"],
    "cmn_Hani": ["房子在山上", "我们今天读了这本书"],
    "xyz_Latn": ["qolu xaxe zuru vevo wiqu", "zuxo qaqe wevu xolo"],
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fasttext")
    rows = [f"__label__{label} {text}" for label, some in SENTENCES.items() for text in some]
    (folder / "rows.txt").write_text("\n".join(rows * 40), encoding="utf-8")
    trained = fasttext.train_supervised(
        str(folder / "rows.txt"),
        **{"dim": 8, "epoch": 25, "lr": 0.5, "minn": 1, "maxn": 3, "bucket": 2000},
        **{"thread": 1, "verbose": 0},
    )
    trained.save_model(str(folder / "model.bin"))
    return folder / "model.bin"


def test_labels_of_flores_are_languages(model):
    identifier = FasttextIdentifier(model, ["en", "de", "sw", "ar", "zh-Hans"])
    texts = [
        "the house on the hill",
        "Das Haus auf dem Berg!",
        "kitabu hiki\nnyumba",
        "البيت الكبير",
    ]
    assert identifier.identify([*texts, "我们今天读了这本书。"]) == [
        "en",
        "de",
        "sw",
        "ar",
        "zh-Hans",
    ]
    assert identifier.name.startswith("fasttext@")
    assert identifier.name.endswith(":5")


def test_other_labels_and_wordless_texts_are_unsure(model):
    identifier = FasttextIdentifier(model, ["en", "de"])
    texts = ["nyumba iko juu ya kilima", "qolu xaxe zuru vevo", "", "12 + 3", "SELECT a FROM b;"]
    assert identifier.identify(texts) == [None] * len(texts)


def test_forms_of_a_text_get_one_answer(model):
    identifier = FasttextIdentifier(model, ["en", "de"])
    assert identifier.identify(["ｄａｓ　ｈａｕｓ　ｓｔｅｈｔ", "das ha\u00adus steht"]) == [
        "de",
        "de",
    ]


def test_a_recipe_names_the_model(model):
    recipe = load_recipe("lidr", [f"identifier={{kind: fasttext, path: {model}}}"])
    with pytest.raises(InputError, match="none for"):
        identifier_of(recipe)


def test_errors_say_what_to_mend(model, tmp_path):
    with pytest.raises(InputError, match="got no file"):
        FasttextIdentifier(tmp_path / "none.bin", ["en"])
    (tmp_path / "text.bin").write_text("no model")
    with pytest.raises(InputError, match="expected a model of fastText"):
        FasttextIdentifier(tmp_path / "text.bin", ["en"])
    with pytest.raises(InputError, match="none for fr"):
        FasttextIdentifier(model, ["en", "fr"])
