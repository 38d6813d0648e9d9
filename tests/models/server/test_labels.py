"""Labels are read off the likeliest first tokens, and what these do not tell apart is unknown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.models.server.labels import label_likelihoods

REST = math.log(1 - math.exp(-0.0001) - math.exp(-9.5))


def values(labels, top):
    return [found and found.log_probability for found in label_likelihoods(labels, top)]


@pytest.mark.parametrize(
    ("labels", "top", "expected"),
    [
        (["A", "B"], [("A", -0.2), ("B", -2.0)], [-0.2, -2.0]),
        ([" A", " B"], [("A", -0.2), ("B", -2.0)], [-0.2, -2.0]),
        (["yes", "no"], [("no", -0.1), ("y", -3.0), ("Yes", -4.0)], [-3.0, -0.1]),
        (["A", "B"], [("The", -0.1), ("I", -3.0)], [None, None]),
        (["Model A", "Model B"], [("Model", -0.1), ("tie", -3.0)], [None, None]),
        (["Model A", "Model B", "tie"], [("Model", -0.1), ("tie", -3.0)], [None, None, -3.0]),
        (["1", "10", "2"], [("1", -0.5), ("10", -1.0), ("2", -3.0)], [-0.5, -1.0, -3.0]),
        (["1", "10", "2"], [("1", -0.5), ("2", -3.0)], [None, None, -3.0]),
        (["a", "A"], [("A", -0.5), ("a", -3.0)], [-3.0, -0.5]),
        (["A"], [(" ", -0.1), ("A", -3.0)], [-3.0]),
        (["A", "B"], [("A", -0.1), ("x", -5.0)], [-0.1, -5.0]),
        (["A", "B"], [("A", -0.0001), ("x", -9.5)], [-0.0001, REST]),
    ],
    ids=["letters", "blanks", "begun", "no label", "same start", "one apart", "numbers",
         "10 in two tokens", "case", "blank token", "the last token", "the rest"],
)  # fmt: skip
def test_gold_rows(labels, top, expected):
    assert values(labels, top) == pytest.approx(expected)


def test_the_greedy_label_is_the_likeliest_tokens():
    greedy = [found.is_greedy for found in label_likelihoods(["A", "B"], [("B", -0.1), ("A", -3)])]
    assert greedy == [False, True]
    nowhere = label_likelihoods(["A", "B"], [("Hm", -0.1), ("A", -3), ("B", -4)])
    assert [found.is_greedy for found in nowhere] == [False, False]


@given(
    weights=st.lists(st.floats(0.001, 1), min_size=2, max_size=20),
    labels=st.lists(st.sampled_from("ABCDEF"), min_size=1, max_size=6, unique=True),
    data=st.data(),
)
def test_laws(weights, labels, data):
    tokens = data.draw(
        st.lists(
            st.sampled_from(["A", " A", "B", "C", "C ", "D", "x", "The", "\n"]),
            min_size=len(weights),
            max_size=len(weights),
        )
    )
    share = [weight / sum(weights) * 0.999 for weight in weights]
    top = sorted(
        ((token, math.log(p)) for token, p in zip(tokens, share, strict=True)), key=lambda t: -t[1]
    )
    found = dict(zip(labels, label_likelihoods(labels, top), strict=True))
    order = data.draw(st.permutations(labels))
    assert label_likelihoods(order, top) == [found[label] for label in order]
    known = {label: one for label, one in found.items() if one is not None}
    named = [label for label in known if label in {token.strip() for token in tokens}]
    assert bool(known) == bool(named)  # bounds only beside a label that is there
    assert sum(math.exp(known[label].log_probability) for label in named) <= 1 + 1e-9
    assert all(one.log_probability <= 0 for one in known.values())
    least = min(value for _, value in top)
    assert all(known[label].log_probability <= least for label in set(known) - set(named))
    assert sum(one.is_greedy for one in known.values()) <= 1
