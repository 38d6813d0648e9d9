"""spBLEU is sacreBLEU's, with a SentencePiece model of our own in the place of FLORES-200's.

sacreBLEU looks for its model under `$SACREBLEU`, which it reads once: hence a process of its own.
"""

import json
import os
import subprocess
import sys
from itertools import pairwise

import sentencepiece

from isoglot.lab.world import LAB_LANGUAGES, problems, render_problem

COMPARED = """
import json, sys
import numpy as np
from sacrebleu.metrics import BLEU as SacreBleu
from isoglot.core.records import Prompt
from isoglot.evals.translation_metrics import SPBLEU

pairs = json.load(sys.stdin)
ours, theirs = {}, {}
for tag, rows in pairs.items():
    answers, golds = zip(*rows)
    prompts = [Prompt.from_text("?", language=tag, gold=gold) for gold in golds]
    grades = [SPBLEU.grade(prompt, text) for prompt, text in zip(prompts, answers)]
    ours[tag] = float(SPBLEU.value(np.sum(grades, axis=0)))
    theirs[tag] = SacreBleu(tokenize="flores200").corpus_score(answers, [golds]).score / 100
print(json.dumps([ours, theirs]))
"""


def test_spbleu_is_sacrebleus(tmp_path):
    said = {
        tag: [render_problem(p, tag) for p in problems("train", 3, 40)] for tag in LAB_LANGUAGES
    }
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(" ".join(both) for rows in said.values() for both in rows))
    (tmp_path / "models").mkdir()
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "models/own"),
        vocab_size=800,
        minloglevel=2,
    )
    (tmp_path / "models/own.model").rename(tmp_path / "models/flores200sacrebleuspm")
    # The answer to one problem against that of the next of its kind: some n-grams match.
    pairs = {tag: [[a[1], b[1]] for a, b in pairwise(rows)] for tag, rows in said.items()}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", COMPARED],
        input=json.dumps(pairs),
        env={**os.environ, "SACREBLEU": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs = json.loads(done.stdout)
    assert ours.keys() == set(LAB_LANGUAGES)
    for tag, value in theirs.items():
        assert 0 < value < 1
        assert abs(ours[tag] - value) <= 1e-9
