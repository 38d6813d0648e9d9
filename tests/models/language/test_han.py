"""Chinese and Japanese in Han characters alone."""

import pytest

from isoglot.models.language.identifier import RestrictedIdentifier


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("東京駅前広場", "ja"),
        ("営業日変更通知", "ja"),
        ("图书馆开放时间", "zh-Hans"),
        ("圖書館開放時間", "zh-Hant"),
        ("佢哋喺度食緊飯", "yue"),
        ("人口", None),
        ("大学生活", None),
    ],
)
def test_the_characters_tell(text, tag):
    identifier = RestrictedIdentifier(["ja", "zh-Hans", "zh-Hant", "yue", "en"])
    assert identifier.identify([text]) == [tag]


@pytest.mark.parametrize("tag", ["zh-Hans", "zh-Hant", "yue"])
def test_japanese_is_never_the_one_chinese_candidate(tag):
    texts = ["東京駅前広場", "消費税込千五百円", "国際金融市場の構造変化分析報告", "猫は寝ている。"]
    assert RestrictedIdentifier(["en", tag]).identify(texts) == [None] * len(texts)


def test_chinese_is_never_japanese():
    texts = ["图书馆开放时间", "圖書館開放時間", "我們都很喜歡吃蘋果"]
    assert RestrictedIdentifier(["en", "ja"]).identify(texts) == [None] * len(texts)
