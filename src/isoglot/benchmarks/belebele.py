"""Belebele: a question on a passage of FLORES-200, four answers, 122 languages and scripts.

Bandarkar et al. 2023, arXiv:2308.16884; github.com/facebookresearch/belebele. 900 questions,
parallel by `link` and `question_number`. Its languages are FLORES-200 codes, so their tags come
from the table of languages, and only those that the table has are there. Languages without words
of their own in `choices.toml` are asked in English (`native` is false there).
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.choices import (
    ACCURACY,
    ENGLISH,
    LETTERS,
    Question,
    family_of,
    lettered,
    named,
    no_worked_examples,
)
from isoglot.benchmarks.rows import cell
from isoglot.core.languages import LANGUAGES
from isoglot.core.rows import Row

_CODES = """
acm_Arab afr_Latn als_Latn amh_Ethi apc_Arab arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng azj_Latn
bam_Latn ben_Beng bod_Tibt bul_Cyrl cat_Latn ceb_Latn ces_Latn ckb_Arab dan_Latn deu_Latn ell_Grek
eng_Latn est_Latn eus_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn grn_Latn guj_Gujr hat_Latn hau_Latn
heb_Hebr hin_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn
jpn_Jpan kac_Latn kan_Knda kat_Geor kaz_Cyrl kea_Latn khk_Cyrl khm_Khmr kin_Latn kir_Cyrl kor_Hang
lao_Laoo lin_Latn lit_Latn lug_Latn luo_Latn lvs_Latn mal_Mlym mar_Deva mkd_Cyrl mlt_Latn mri_Latn
mya_Mymr nld_Latn nob_Latn npi_Deva nso_Latn nya_Latn ory_Orya pan_Guru pbt_Arab pes_Arab plt_Latn
pol_Latn por_Latn ron_Latn rus_Cyrl shn_Mymr sin_Sinh slk_Latn slv_Latn sna_Latn snd_Arab som_Latn
sot_Latn spa_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml tel_Telu tgk_Cyrl tgl_Latn
tha_Thai tir_Ethi tsn_Latn tso_Latn tur_Latn ukr_Cyrl urd_Arab uzn_Latn vie_Latn war_Latn wol_Latn
xho_Latn yor_Latn zho_Hans zho_Hant zsm_Latn zul_Latn
"""
# Written in Latin letters, which FLORES-200 does not have.
_ROMANISED = {
    "ar-Latn": "arb_Latn",
    "bn-Latn": "ben_Latn",
    "hi-Latn": "hin_Latn",
    "ne-Latn": "npi_Latn",
    "si-Latn": "sin_Latn",
    "ur-Latn": "urd_Latn",
}
_COLUMNS = {letter: f"mc_answer{place}" for place, letter in enumerate(LETTERS[:4], start=1)}
# `correct_answer_num` counts from 1, as its README says: 2 is mc_answer2.
_ANSWERS = {column[-1]: letter for letter, column in _COLUMNS.items()}


def _languages() -> dict[str, str]:
    codes = set(_CODES.split())
    found = {row.tag: row.flores for row in LANGUAGES.values() if row.flores in codes}
    return found | {tag: code for tag, code in _ROMANISED.items() if tag in LANGUAGES}


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_worked_examples("belebele", ask)
    questions = _questions(rows("test"))
    return lettered(tag, questions, [], ask, likelihood=ask.answering != "generation")


def _questions(rows: Sequence[Row]) -> list[Question]:
    return [
        Question(
            family=family_of("belebele", cell(row, "link"), cell(row, "question_number")),
            text=str(cell(row, "question")).strip(),
            options={label: str(cell(row, column)).strip() for label, column in _COLUMNS.items()},
            gold=named(cell(row, "correct_answer_num"), _ANSWERS, "correct_answer_num", row),
            passage=str(cell(row, "flores_passage")).strip(),
        )
        for row in rows
    ]


BELEBELE = Benchmark(
    name="belebele",
    title="Belebele: reading comprehension",
    source=Source(
        hub="facebook/belebele",
        split="test",
        files=("{code}.jsonl", "data/{code}.jsonl", "belebele.jsonl", "belebele.jsonl.gz"),
        how_to_get="get Belebele.zip, named in github.com/facebookresearch/belebele",
        licence="CC-BY-SA-4.0",
    ),
    languages=_languages(),
    examples=_examples,
    metrics=(ACCURACY,),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
