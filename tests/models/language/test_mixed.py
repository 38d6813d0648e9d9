"""Letters of another language in an answer: what is seen, and what is left alone."""

import pytest
from cases import cases
from planted import KINDS, Planted, planted
from published import is_whole, published, rows_in

from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Completion, Prompt
from isoglot.models.load import load_identifier
from isoglot.models.scorers.rules import LanguageMatch

TWELVE = ("en", "de", "es", "id", "tr", "vi", "ru", "ar", "hi", "ja", "zh-Hans", "th")


def share(text: str, tag: str) -> float:
    return load_identifier(TWELVE).foreign_shares([text], [tag])[0]


@cases("mixed_script")
def test_an_answer_in_two_languages_is_not_in_the_right_one(case):
    given = case.input
    prompt = Prompt.from_text("?", language=given["language"])
    row = Completion.from_text(prompt, given["text"], sampler="m")
    scorer = LanguageMatch(load_identifier(given["candidates"]))
    assert (scorer.score([prompt], [row])[0] == 1.0) in case.right


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("de", "Sure, here is the answer to your question. Die Stadt liegt an einem Fluss."),
        ("de", "Die Stadt liegt am Fluss und hat viele Einwohner. I hope this helps you!"),
        ("de", "Die Stadt liegt am Fluss 는 und hat viele Einwohner."),
        ("es", "La ciudad es muy bonita but the weather is usually bad en invierno."),
        ("tr", "Bu şehir çok güzel ve insanlar çok friendly and helpful olur."),
        ("ru", "Погода сегодня really хорошая, и мы пойдём гулять."),
        ("ru", "Это требует быстрого и 正确ного действия."),
        ("ar", "تعليمهم القيم والskills اللازمة لنجاحهم في الحياة."),
        ("hi", "यह एक beautiful शहर है और यहाँ बहुत लोग रहते हैं।"),
        ("ja", "今日は天気がとても良いです。大脑病理和行为之间的相关性可以提供支持。"),
        ("ja", "さらに北方の広い地域は人口が少なく检测ほとんど人が住んでいません。"),
        ("zh-Hans", "今天的天气とても好，我们去公园散步。"),
        ("th", "วันนี้อากาศดีมาก so we should go outside ไปเดินเล่นกัน"),
    ],
)
def test_what_is_mixed_in_is_seen(tag, text):
    assert 0 < share(text, tag) < 1


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("ru", "Иван (John Smith) живёт в New York и работает в University of Oxford."),
        ("ru", "Скорость 5 km за час, файл data.txt, сайт www.example.com, почта a.b@c.de."),
        ("ru", "Я купил iPhone, установил Telegram и отправил email."),
        ("ru", "По данным weather.com и сайта sub.weather-news.org, будет дождь."),
        ("th", "weather.com รายงานว่าจะมีฝนตกหนักในวันนี้ที่กรุงเทพมหานคร"),
        ("de", "Das Wort 'house' heißt Haus, „дом“ auch; `print(hello)` gibt es aus."),
        ("de", "- 你好: Hallo\n- 谢谢: Danke"),
        ("de", "Der Fluss (русское название: река Волга) ist lang."),
        ("de", "```\nfor each in the list of all words: print it\n```\nDas ist der Code."),
        ("en", "The Hindi word नमस्ते is a greeting that people use every day."),
        ("en", "The area is πr² and the angle α is small, so Δx goes to 0."),
        ("en", "He said «C'est la vie, mon ami, et voilà tout» and left the room."),
        ("ja", "Appleの社長はiPhoneを発表しました。X線とTシャツとβ版。"),
        ("zh-Hans", "使用Python和machine learning进行数据分析（data analysis）。"),
        ("hi", "मुझे email भेजें और software download करें।"),
        ("es", "El software open source funciona online y la empresa Apple lo usa."),
        ("th", "ใช้ WhatsApp และ Google Maps ได้ทุกวัน"),
        ("sv", "Det väntas regn under hela veckan, rapporterade weather.com på fredagen."),
        ("sv", "Det strider mot principen, enligt friend-of-the court-rapporten i går."),
        ("sv", "Det är de som kan ha all teknik för Kanada plus plus plus avtalet."),
        ("de", ""),
        ("de", "42"),
    ],
)
def test_a_mention_is_no_mixture(tag, text):
    assert share(text, tag) == 0


def test_the_share_is_of_letters():
    assert share("абвгд абвгд", "en") == 1.0
    assert share("Hello абвгд", "en") == pytest.approx(0.5)


@pytest.fixture(scope="module")
def answers() -> list[Planted]:
    path = published("ntrex/ntrex.jsonl.gz")
    if not is_whole(path):
        pytest.skip("two sentences of each language are too few: ../shared/data is absent")
    codes = {code: tag for tag in TWELVE for code in LANGUAGES[tag].ntrex}
    texts: dict[str, list[str]] = {tag: [] for tag in TWELVE}
    for row in rows_in(path):
        if row["lang"] in codes:
            texts[codes[row["lang"]]].append(row["text"])
    return list(planted(texts, 4, seed=7))


@pytest.mark.parametrize(
    ("kind", "least"), [*((kind, 0.95) for kind in KINDS[:-1]), ("latin", 0.85)]
)
def test_planted_languages_are_seen(answers, kind, least):
    found = _shares([row for row in answers if row.kind == kind])
    assert sum(map(bool, found)) >= least * len(found)


def test_clean_answers_are_left_alone(answers):
    assert sum(map(bool, _shares([row for row in answers if not row.kind]))) <= 1


def _shares(rows: list[Planted]) -> list[float]:
    texts, tags = [row.text for row in rows], [row.language for row in rows]
    return load_identifier(TWELVE).foreign_shares(texts, tags)
