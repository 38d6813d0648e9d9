"""Translation models: what reaches them, what comes back, and what never leaves."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_run import tiny_recipe

pytest.importorskip("sentencex", reason="splits sentences")

from isoglot.core.layout import join_pieces, pieces_of
from isoglot.core.protected import mask, protected, unmask
from isoglot.core.protocols import Sampled
from isoglot.core.sentences import num_sentences, sentences
from isoglot.line.pipeline import run_recipe
from isoglot.models.load import (
    answer_settings,
    check_translator,
    load_translator,
    model_name_of,
    sampler_revision,
)
from isoglot.models.translation.seq2seq import (
    Seq2SeqConfig,
    Seq2SeqTranslator,
    sum_log_probabilities,
)

CODES = {
    "nllb": ["eng_Latn", "deu_Latn", "zho_Hans", "sat_Beng", "swh_Latn"],
    "m2m100": ["__en__", "__de__", "__zh__", "__sw__", "__he__"],
    "madlad": ["<2en>", "<2de>", "<2zh>", "<2sw>", "<2iw>"],
}
WORDS = ["we", "have", "seven", "apples", "and", "one", "pear", "in", "the", "old", "house", "."]
TEXT = """\
# We have apples

- One pear in `the house`, and see https://a.example/b?c=1.
  2) {name} has <b>seven</b> apples! We have %s. Mail a.b@c.example?

```py
print("the old house")
```
We have a river [3].\r
"""


def save_tiny_translator(folder: Path, form: str, *, seed: int = 0, eos: float = 0.0) -> Path:
    """A random model of a few words; `eos` is how much its end is favoured at every step."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        M2M100Config,
        M2M100ForConditionalGeneration,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    special = ["<s>", "<pad>", "</s>", "<unk>", *CODES[form]]
    vocabulary = {token: i for i, token in enumerate([*special, *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=CODES[form],
    )
    size = {"vocab_size": len(vocabulary), "d_model": 16, "pad_token_id": 1, "eos_token_id": 2}
    torch.manual_seed(seed)
    if form == "madlad":
        model = T5ForConditionalGeneration(
            T5Config(
                **size, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0,
                tie_word_embeddings=False,
            )
        )  # fmt: skip
    else:
        heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
        layers = {"encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 64}
        widths = {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
        model = M2M100ForConditionalGeneration(
            M2M100Config(
                **size, **heads, **layers, **widths, decoder_start_token_id=2, init_std=1.0,
                forced_bos_token_id=5,
            )
        )  # fmt: skip
        with torch.no_grad():
            end = model.get_output_embeddings().weight[2]
            model.model.decoder.layer_norm.bias.copy_(eos * end / end.norm())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nllb(tmp_path_factory):
    return save_tiny_translator(tmp_path_factory.mktemp("nllb"), "nllb", seed=3, eos=3.0)


def config_of(path, **settings):
    values = {"num_beams": 1, "max_new_tokens": 8, "device": "cpu", **settings}
    return Seq2SeqConfig(path=str(path), **values)


def by_hand(path, text, source, target, limit=8):
    """What `generate` gives for one sentence with a forced language, whether it came to its end,
    and the mean log-probability of a token, by the scores of each of its steps."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSeq2SeqLM.from_pretrained(path).eval()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    number = tokenizer.convert_tokens_to_ids
    found = model.generate(
        input_ids=torch.tensor([[number(source), *ids, 2]]),
        forced_bos_token_id=number(target),
        max_new_tokens=limit + 1,
        num_beams=1,
        do_sample=False,
        suppress_tokens=[3],
        return_dict_in_generate=True,
        output_logits=True,
    )
    ids = found.sequences[0].tolist()
    assert ids[:2] == [2, number(target)]
    ended = 2 in ids[2:]
    said = ids[2 : ids.index(2, 2) + 1] if ended else ids[2:]
    steps = [logits[0].log_softmax(-1) for logits in found.logits[1:]]  # the first is the language
    log_probability = sum(float(step[i]) for step, i in zip(steps, said, strict=False)) / len(said)
    return tokenizer.decode(ids[2:], skip_special_tokens=True), ended, log_probability


def test_a_sentence_is_what_generate_gives_and_no_batch_changes_it(nllb):
    texts = ["we have apples", "one pear in the old house near a river", "seven", "a pear and one"]
    targets = ["de", "sw", "zh-Hans", "de"]
    codes = {"de": "deu_Latn", "sw": "swh_Latn", "zh-Hans": "zho_Hans"}
    translator = load_translator(config_of(nllb), languages=["en", *targets])
    assert isinstance(translator, Seq2SeqTranslator)
    ticks = []
    found = translator.translate(texts, ["en"] * 4, targets, lambda num, *_: ticks.append(num))
    reasons = set()
    for text, target, answer in zip(texts, targets, found, strict=True):
        expected, ended, likely = by_hand(nllb, text, "eng_Latn", codes[target])
        reasons.add(answer.finish_reason)
        if not ended:
            assert answer == Sampled("", "length")
        elif expected.strip():
            assert answer[:2] == (" ".join(expected.split()), "stop")
            assert answer.log_probability == pytest.approx(likely, abs=1e-5)
        else:
            assert answer == Sampled("", "error")
        small = Seq2SeqTranslator(config_of(nllb, batch_tokens=1))
        (alone,) = small.translate([text], ["en"], [target])
        assert alone[:2] == answer[:2]
        assert alone.log_probability == pytest.approx(answer.log_probability, abs=1e-5)
    assert sum(ticks) == 4
    assert "stop" in reasons, "the tiny model ends at least one answer; choose another seed"


@pytest.mark.parametrize("form", CODES)
def test_a_given_translation_has_the_log_probability_of_its_tokens(tmp_path, form, nllb):
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    path = nllb if form == "nllb" else save_tiny_translator(tmp_path, form, seed=3)
    translator = Seq2SeqTranslator(config_of(path))
    texts = ["we have seven apples . one pear", "a", "in the old house"]
    wanted = ["seven pear", "one in the old house .", "apples"]
    found = translator.log_probabilities(texts, ["en"] * 3, wanted, ["de", "de", "sw"])
    model = AutoModelForSeq2SeqLM.from_pretrained(path).eval()
    tokenizer = AutoTokenizer.from_pretrained(path)
    for text, translation, target, value in zip(
        texts, wanted, ["de", "de", "sw"], found, strict=True
    ):
        code = [translator._id(target)]
        before, start = (code, []) if form == "madlad" else ([translator._id("en")], code)
        ids, labels = tokenizer([text, translation], add_special_tokens=False)["input_ids"]
        first = model.config.decoder_start_token_id
        logits = model(
            input_ids=torch.tensor([[*before, *ids, 2]]),
            decoder_input_ids=torch.tensor([[first, *start, *labels]]),
        ).logits[0, len(start) :]
        logs = logits.detach().log_softmax(-1)
        by_hand = [float(row[token]) for row, token in zip(logs, [*labels, 2], strict=True)]
        assert value == pytest.approx(sum(by_hand) / len(by_hand), abs=1e-4)
        (alone,) = translator.log_probabilities([text], ["en"], [translation], [target])
        assert alone == pytest.approx(value, abs=1e-4), "no batch changes it"


def test_a_written_translation_has_the_log_probability_that_it_was_written_with(nllb):
    translator = Seq2SeqTranslator(config_of(nllb))
    texts = ["we have apples", "seven", "a pear and one"]
    written = translator.translate(texts, ["en"] * 3, ["de"] * 3)
    whole = [i for i, each in enumerate(written) if each.finish_reason == "stop"]
    assert whole, "the tiny model ends at least one answer"
    given = [written[i].text for i in whole]
    num = ["en"] * len(whole), ["de"] * len(whole)
    found = translator.log_probabilities([texts[i] for i in whole], num[0], given, num[1])
    assert found == pytest.approx([written[i].log_probability for i in whole], abs=1e-4)


def test_a_translation_that_is_too_long_has_no_log_probability(nllb):
    translator = Seq2SeqTranslator(config_of(nllb))
    texts, wanted = ["pear " * 80, "pear", "", "pear"], ["pear", "pear " * 80, "pear", "pear"]
    found = translator.log_probabilities(texts, ["en"] * 4, wanted, ["de"] * 4)
    assert found[:3] == [None] * 3
    assert found[3] < 0


def test_empty_answers_and_too_long_sentences_are_errors(tmp_path, nllb):
    silent = Seq2SeqTranslator(config_of(save_tiny_translator(tmp_path, "nllb", eos=1000.0)))
    assert silent.translate(["we have"], ["en"], ["de"]) == [Sampled("", "error")]
    long = Seq2SeqTranslator(config_of(nllb)).translate(["pear " * 80], ["en"], ["de"])
    assert long == [Sampled("", "error")]


def test_what_has_no_sentence_comes_back_unchanged(nllb):
    translator = Seq2SeqTranslator(config_of(nllb))
    texts = ["```\nwe have\n```", "", "\n\n  \n", "42 + 1 = 43", "`we` {name} %s", "- \n* 7\n"]
    ticks = []
    answers = translator.translate(texts, ["en"] * 6, ["de"] * 6, lambda num, *_: ticks.append(num))
    assert answers == [Sampled(text, "stop") for text in texts]
    assert sum(ticks) == 6


@pytest.mark.parametrize(
    ("form", "tag", "token"),
    [
        ("nllb", "zh-Hans", "zho_Hans"),
        ("nllb", "sat", "sat_Beng"),
        ("m2m100", "zh-Hans", "__zh__"),
        ("m2m100", "he", "__he__"),
        ("madlad", "he", "<2iw>"),
        ("madlad", "sw", "<2sw>"),
    ],
)
def test_the_codes_of_each_family(tmp_path, form, tag, token):
    translator = Seq2SeqTranslator(config_of(save_tiny_translator(tmp_path, form)))
    assert translator.codes.form == form
    assert translator.codes.token(tag) == token
    (answer,) = translator.translate(["we have"], ["en"], [tag])
    assert answer.finish_reason in ("stop", "length", "error")


@pytest.mark.parametrize("form", CODES)
def test_a_language_that_it_does_not_know_stops_before_anything_runs(tmp_path, form):
    translator = Seq2SeqTranslator(config_of(save_tiny_translator(tmp_path, form)))
    ticks = []
    with pytest.raises(ValueError, match=r"does not know Faroese \(fo\).*leave the language out"):
        translator.translate(
            ["we have", "seven"], ["en", "en"], ["de", "fo"], lambda *done: ticks.append(done)
        )
    assert not ticks
    with pytest.raises(ValueError, match="Faroese"):
        translator.translate(["```\nno sentence\n```"], ["en"], ["fo"])
    with pytest.raises(ValueError, match=r"Chinese.*zh-Hant"):
        load_translator(config_of(tmp_path), languages=["zh-Hant"])
    with pytest.raises(ValueError, match=r"does not know Faroese \(fo\)"):
        check_translator(config_of(tmp_path), ["en", "fo"])


def test_a_recipe_with_it_needs_no_translate_section_and_is_checked_first(
    nllb, tiny_model, tmp_path
):
    """A member that does not serve a language spares the translator from knowing it."""
    translator = f"translator={{engine: seq2seq, path: {nllb}, device: cpu}}"
    recipe = tiny_recipe(tiny_model, "languages=[en, de, fo]", "translate=null", translator)
    with pytest.raises(ValueError, match=r"does not know Faroese \(fo\)"):
        run_recipe(recipe, tmp_path / "run", silent=True)
    assert not (tmp_path / "run").exists()
    other = (
        f"{{engine: transformers, path: {tiny_model}, languages: [en, de], answers_in: dominant}}"
    )
    pool = (f"samplers=[{{kind: policy}}, {other}]", "pair.method=best_vs_worst", "rounds=1")
    pool += ("generate.sampling.num_samples=2", "score={scorers: [{kind: length}]}")
    fewer = tiny_recipe(tiny_model, "languages=[en, de, fo]", "train=null", translator, *pool)
    assert fewer.translated_languages() == ("en", "de")
    check_translator(fewer.translator, fewer.translated_languages())


def test_a_model_without_language_codes_is_refused(tiny_model):
    with pytest.raises(ValueError, match=r"eng_Latn, __en__ or <2en>"):
        Seq2SeqTranslator(config_of(tiny_model))


def test_names_and_fingerprints(nllb):
    config = config_of(nllb)
    assert model_name_of(config) == f"{nllb.name}@{sampler_revision(config)}"
    same = answer_settings(config_of(nllb, batch_tokens=5, device="auto"))
    assert answer_settings(config) == same
    assert answer_settings(config_of(nllb, num_beams=3)) != same
    with pytest.raises(ValueError, match=r"model\.bin"):
        sampler_revision(config_of(nllb, backend="ctranslate2"))


def test_ctranslate2_gives_the_same_words(tmp_path, nllb):
    pytest.importorskip("ctranslate2")
    from ctranslate2.converters import TransformersConverter

    files = ["tokenizer.json", "tokenizer_config.json"]
    try:
        TransformersConverter(str(nllb), copy_files=files).convert(str(tmp_path / "ct2"))
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        pytest.skip(f"its converter does not read this model: {error!r:.100}")
    texts = ["we have apples", "one pear in the old house near a river", "seven", "a pear and one"]
    asked = (texts, ["en"] * 4, ["de"] * 4)
    there = Seq2SeqTranslator(config_of(tmp_path / "ct2", backend="ctranslate2"))
    given = ["we have apples", "seven"], ["en"] * 2, ["one pear", "in the old house"], ["de"] * 2
    expected = Seq2SeqTranslator(config_of(nllb)).log_probabilities(*given)
    assert there.log_probabilities(*given) == pytest.approx(expected, abs=1e-3)
    here = Seq2SeqTranslator(config_of(nllb)).translate(*asked)
    for one, other in zip(there.translate(*asked), here, strict=True):
        assert one[:2] == other[:2]
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-4)


def test_how_likely_a_text_is_goes_over_all_its_sentences(nllb):
    translator = Seq2SeqTranslator(config_of(nllb))
    said = ["have", "the apples the", "the and seven one"]
    alone = translator.translate(said, ["en"] * 3, ["de"] * 3)
    assert all(answer.finish_reason == "stop" for answer in alone), "choose another seed"
    (together,) = translator.translate(["\n".join(said)], ["en"], ["de"])
    num = [len(answer.text.split()) + 1 for answer in alone]  # a token is a word, or the end
    mean = sum(n * a.log_probability for n, a in zip(num, alone, strict=True)) / sum(num)
    assert together.log_probability == pytest.approx(mean, abs=1e-5)
    assert len(set(num)) > 1, "a mean of the means would be the same"


def test_the_probability_of_a_beam_is_that_of_its_tokens_and_no_slice_changes_it(nllb):
    import torch
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_pretrained(nllb).eval()
    ids = torch.tensor([[4, 9, 10, 11, 2], [4, 13, 14, 15, 2], [4, 16, 17, 18, 2]])
    asked = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    begin = torch.tensor([[2, 5]] * 3)
    found = model.generate(
        **asked, decoder_input_ids=begin, max_new_tokens=8, num_beams=3, eos_token_id=2,
        return_dict_in_generate=True, output_scores=True, forced_bos_token_id=None,
    )  # fmt: skip
    steps = model.compute_transition_scores(found.sequences, found.scores, found.beam_indices)
    expected = steps.masked_fill(steps.isinf(), 0).sum(1).tolist()
    assert len({round(value, 3) for value in expected}) > 1
    for max_scores in (1, 400, 2**27):
        with torch.inference_mode():
            sums = sum_log_probabilities(model, asked, found.sequences, 2, 2, max_scores)
        assert sums == pytest.approx(expected, abs=1e-4)


# The layout of a text, without a model.


def upper(text, tag="en", target="de"):
    """A translation that says everything in capitals."""
    pieces = pieces_of(text, tag)
    return join_pieces(
        pieces, [piece.text.upper() for piece in pieces if piece.is_sentence], target
    )


def test_only_sentences_go_to_the_model():
    pieces = pieces_of(TEXT, "en")
    assert [piece.text for piece in pieces if piece.is_sentence] == [
        "We have apples",
        "One pear in [0], and see [1].",
        "[0] has [1]seven[2] apples!",
        "We have [0].",
        "Mail [0]?",
        "We have a river [0].",
    ]
    out = upper(TEXT)
    assert protected(out) == protected(TEXT)
    assert out.replace("SEVEN", "seven").startswith("# WE HAVE APPLES\n\n- ONE PEAR IN `the house`")
    assert "\n  2) {name} HAS <b>" in out
    assert out.endswith("WE HAVE A RIVER [3].\r\n")


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        ("It rains. We go.", "en", "zh-Hans", "IT RAINS.WE GO."),
        ("今天好。明天呢？", "zh-Hans", "en", "今天好。 明天呢？"),
        ("It rains.  We go. ", "en", "ja", "IT RAINS.  WE GO. "),
        ("It rains.\nWe go.", "en", "th", "IT RAINS.\nWE GO."),
    ],
)
def test_blanks_between_sentences_are_those_of_the_target(text, source, target, expected):
    assert upper(text, source, target) == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("[0]", ""),
        lambda text: text + " [0]",
        lambda text: text.replace("[0]", "[7]"),
        lambda _: "",
        lambda _: " ",
    ],
)
def test_a_lost_or_doubled_mask_is_no_translation(change):
    pieces = pieces_of("Call {name} now.", "en")
    assert join_pieces(pieces, [change(p.text) for p in pieces if p.is_sentence], "de") is None


@pytest.mark.parametrize("mask_text", ["[ 0 ]", "［0］", "[٠]", "【0】"])
def test_a_mask_may_come_back_in_another_form(mask_text):
    assert unmask(f"Ruf {mask_text} an.", ["{name}"]) == "Ruf {name} an."


SPANS = st.sampled_from(
    ["`x = 1`", "{name}", "{{a.b}}", "${v}", "%s", "%(n)d", "<tag>", "</b>", "<a href='x'>", "[12]",
     "https://a.example/b?c=(d)", "www.a.example", "a.b+c@d.example", r"\(x^2\)", "$$y$$",
     "```\ncode here. More\n```", "\n", "\r\n", "- ", "1. ", "Dr. ", ". ", "! ", "。", "؟ ", "  "]
)  # fmt: skip
TEXTS = st.lists(st.one_of(SPANS, st.text(max_size=6), st.just("word ")), max_size=12).map("".join)
TAGS = st.sampled_from(["en", "de", "th", "ja", "zh-Hans", "hi", "ar", "km", "bo", "am", "sw"])


@settings(max_examples=200, deadline=None)
@given(TEXTS, TAGS)
def test_pieces_join_to_the_text_and_masks_come_back(text, tag):
    assert "".join(sentences(text, tag)) == text
    masked, kept = mask(text)
    assert unmask(masked, kept) == text
    whole = []
    for piece in pieces_of(text, tag):
        whole.append(unmask(piece.text, piece.kept) if piece.is_sentence else piece.text)
        assert piece.is_sentence or not piece.kept
    assert "".join(whole) == text


@settings(max_examples=200, deadline=None)
@given(TEXTS, TAGS)
def test_what_is_protected_comes_back_byte_for_byte(text, tag):
    pieces = pieces_of(text, tag)
    said = [piece for piece in pieces if piece.is_sentence]
    out = join_pieces(pieces, [f"ja {piece.text} nein" for piece in said], "de")
    assert out is not None
    kept = [span for piece in said for span in piece.kept]
    place = 0
    for span in kept:
        assert span in out[place:]
        place = out.index(span, place) + len(span)
    fences = [piece.text for piece in pieces if piece.text.startswith("```")]
    assert all(fence in out for fence in fences)
    assert out.count("\n") == text.count("\n")


@given(st.lists(SPANS.filter(lambda s: s not in ("Dr. ",)), max_size=8))
def test_a_text_of_only_code_comes_back_unchanged(spans):
    text = " ".join(spans)
    pieces = pieces_of(text, "en")
    if not any(piece.is_sentence for piece in pieces):
        assert join_pieces(pieces, [], "de") == text


def test_sentences_of_several_scripts():
    assert len(sentences("Dr. Smith came. He left at 5 p.m. on Monday!", "en")) == 2
    assert len(sentences("今日は。いい天気ですね！", "ja")) == 2
    assert len(sentences("នេះមួយ។ នេះពីរ។", "km")) == 2
    assert num_sentences("एक है।\nदो है। तीन?", "hi") == 3
    assert num_sentences("สวัสดี ครับ", "th") is None
