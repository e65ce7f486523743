"""What the pages say about the ranking of words: every form of each sentence, with its numbers."""

import re
from dataclasses import replace

import pyarrow as pa
import pytest
from sentence_views import HOSTILE, study_view, words

from attviz_pipeline.report.sentences import terms as sentences
from attviz_pipeline.report.views.class_rankings import ClassRankingView
from attviz_pipeline.report.views.ranked_terms import RankedView, ranked_view
from attviz_pipeline.report.views.tokens import TokenView

FACTS = {
    "n_supported": 40,
    "min_document_frequency": 3,
    "n_documents": 55,
    "level": "lower_word",
    "length_curve": "spline",
    "n_replicates_first": 155,
    "n_replicates": 500,
}


def ranked(*terms: tuple[str, float, float], **facts: object) -> RankedView:
    """A ranking of terms, each with its shrunken value and half the width of its interval; the average term has 0."""
    rows = [
        {
            "term": term,
            "count": 4,
            "document_frequency": 3,
            "mean": 0.02,
            "shrunken_log_ratio": value,
            "shrunken_log_ratio_low": value - half,
            "shrunken_log_ratio_high": value + half,
        }
        for term, value, half in terms
    ]
    names = [
        "term",
        "count",
        "document_frequency",
        "mean",
        *(f"shrunken_log_ratio{end}" for end in ("", "_low", "_high")),
    ]
    table = pa.table({name: pa.array([row[name] for row in rows]) for name in names})
    if not rows:
        table = table.cast(pa.schema([(name, pa.string() if name == "term" else pa.float64()) for name in names]))
    return ranked_view(table, FACTS | {"n_supported": len(rows)} | facts, {"prior_mean": 0.0})


FOUND = [("monday", 0.6, 0.2), ("bank", 0.5, 0.6), ("goal", 0.4, 0.1), ("the", -0.5, 0.1)]


def test_the_first_word_stands_beside_the_average_word_and_its_support() -> None:
    sentence = words(sentences.over_all_heads(ranked(*FOUND), study_view(), of_model=True))

    assert sentence == (
        "Of the 4 words in at least 3 of 55 documents, monday (in 3 documents) has the highest self-attention over "
        "all 6 heads of the fine-tuned some/bert, corrected for length: 1.8 times even attention (95 % interval 1.5"
        " to 2.2); the average word has 1.0 times. The intervals of 2 words lie above that; if all words were "
        "alike, fewer than one would lie there by chance. It is first in 155 of 500 bootstrap samples of the texts, so "
        "another word could lead."
    )
    assert "some/bert" not in sentences.over_all_heads(ranked(*FOUND), study_view(), of_model=False)
    assert "over the only head," in sentences.over_all_heads(
        ranked(*FOUND), study_view(n_layers=1, n_heads=1), of_model=False
    )


def test_a_first_word_that_usually_leads_is_not_doubted() -> None:
    sentence = words(sentences.over_all_heads(ranked(*FOUND, n_replicates_first=251), study_view(), of_model=False))

    assert sentence.endswith("It is first in 251 of 500 bootstrap samples of the texts.")


def test_a_head_names_the_words_that_follow() -> None:
    found = replace(ranked(*FOUND), n_first=None)

    assert words(sentences.of_head(found, study_view())) == (
        "Of the 4 words in at least 3 of 55 documents, monday (in 3 documents) ranks first by self-attention, "
        "corrected for length: 1.8 times even attention (95 % interval, not adjusted for choosing the first of 4, 1.5 "
        "to 2.2); the average word has 1.0 times. "
        "The intervals of 2 words lie above that; if all words were alike, fewer than one would lie there by chance. "
        "It is followed by bank and goal."
    )


def test_nothing_found_names_no_highest_word() -> None:
    unclear = ranked(("monday", 0.2, 0.4), ("bank", 0.1, 0.4), ("goal", 0.0, 0.4))

    for sentence in (
        sentences.of_head(unclear, study_view()),
        sentences.over_all_heads(unclear, study_view(), of_model=False),
    ):
        assert "none is shown to have more self-attention than the average word" in sentence
        assert (
            "No interval lies above that; if all words were alike, fewer than one would lie there by chance."
            in sentence
        )
        assert re.search(
            r"The first is monday \(95 % interval(, not adjusted [^,]+,)? 0\.82 to 1\.8\)\.", words(sentence)
        )
        assert "highest" not in sentence
        assert "bootstrap" not in sentence
        assert "followed" not in sentence


@pytest.mark.parametrize("n_above", [0, 1, 2, 3])
def test_as_many_intervals_as_chance_gives_are_no_finding(n_above: int) -> None:
    found = replace(ranked(*FOUND), n_terms=80, n_above=n_above)
    sentence = sentences.of_head(found, study_view())

    # 2.5 % of 80.
    assert "if all words were alike, at most about 2 would lie there by chance" in sentence
    assert ("none is shown to have more self-attention" in sentence) == (n_above <= 2)
    assert ("ranks first by self-attention" in sentence) == (n_above > 2)


def test_more_intervals_of_dependent_documents_lie_above_by_chance() -> None:
    shared = study_view(n_sources=20)
    many = replace(ranked(*FOUND), n_terms=2037, n_above=706)

    assert "if all words were alike, at least 51 would lie there by chance." in sentences.of_head(many, shared)
    assert "if all words were alike, some would lie there by chance." in sentences.of_head(ranked(*FOUND), shared)
    # Intervals over all heads are of a bootstrap over input rows.
    assert "at most about 51 would lie there by chance." in sentences.over_all_heads(many, shared, of_model=False)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([], "No word is in at least 3 of 55 documents, so words were not ranked."),
        (FOUND[:1], "monday is the only word in at least 3 of 55 documents, so words were not ranked."),
    ],
    ids=["none", "one"],
)
def test_not_compared_is_a_sentence_of_its_own(terms: list[tuple[str, float, float]], expected: str) -> None:
    found = replace(ranked(*terms), n_above=0)

    assert words(sentences.of_head(found, study_view())) == expected


def test_what_is_not_corrected_is_not_called_corrected() -> None:
    plain = ranked(*FOUND, length_curve="none")

    assert ", not corrected for length: 1.8 times" in sentences.of_head(plain, study_view())
    assert "not corrected for length, because there are too few texts" in sentences.columns_of_ranking(plain)
    assert "tokens, corrected for the length of texts" in sentences.columns_of_ranking(ranked(*FOUND))


def test_tokens_are_called_tokens() -> None:
    assert "Of the 4 tokens in at least" in sentences.of_head(ranked(*FOUND, level="token"), study_view())


def test_a_table_says_how_many_rows_it_shows() -> None:
    assert sentences.rows_of_ranking(ranked(*FOUND)) == "All 4 words, by self-attention"
    assert sentences.rows_of_ranking(ranked(*FOUND, n_supported=40)) == (
        "The 4 of 40 words with the highest self-attention"
    )
    assert "the average word" in sentences.bars_of_ranking(ranked(*FOUND))


def test_intervals_of_segments_are_called_too_narrow() -> None:
    assert not sentences.dependent_documents(study_view(n_sources=55))
    assert "too narrow" in sentences.dependent_documents(study_view(n_sources=20))


def by_mean(*frequencies: int, name: str = "goal") -> list[TokenView]:
    return [TokenView(name, False, 7, n, 0.0453, 0.01, 0, 0.4, 0, 0, "heads/0.html") for n in frequencies]


def test_the_papers_ranking_says_how_rare_its_first_are() -> None:
    sentence = words(sentences.by_mean(by_mean(3, 9, 3), 301, 3, study_view()))

    assert sentence.startswith("The paper ranks tokens by their mean over all occurrences and heads")
    assert sentence.endswith(
        "Of 301 non-special tokens and words in at least 3 of 55 documents, goal has the highest: 0.0453, over 7 "
        "occurrences in 3 documents. 2 of the first 3 are in 3 documents only."
    )
    assert "only" not in sentences.by_mean(by_mean(9, 9), 2, 3, study_view())
    assert words(sentences.by_mean([], 0, 3, study_view())) == (
        "No token other than special ones is in at least 3 of 55 documents."
    )


def test_tokens_of_a_document_are_ranked_by_their_mean() -> None:
    assert sentences.of_document(study_view()) == (
        "By mean self-attention over heads in this text; special and unknown tokens are left out."
    )


def test_texts_are_escaped() -> None:
    hostile = [(HOSTILE, 0.6, 0.1), (HOSTILE, 0.5, 0.1), (HOSTILE, 0.4, 0.1)]

    assert HOSTILE not in sentences.over_all_heads(ranked(*hostile), study_view(), of_model=True)
    assert HOSTILE not in sentences.of_head(ranked(*hostile), study_view())
    assert HOSTILE not in sentences.of_head(replace(ranked(*hostile), n_above=0), study_view())
    assert HOSTILE not in sentences.by_mean(by_mean(3, name=HOSTILE), 1, 3, study_view())


def test_the_ranking_of_a_class_names_the_class_and_claims_no_difference() -> None:
    ranking = ClassRankingView("gold", ranked(*FOUND, n_documents=25, n_replicates_first=None), {"monday": 1.7}, {})

    sentence = words(sentences.of_class(ranking, HOSTILE, study_view()))
    assert sentence.startswith(
        f"Of the 4 words in at least 3 of the 25 documents of the gold class {HOSTILE}, monday (in 3"
    )
    assert "has the highest self-attention over all 6 heads, corrected for length" in sentence
    assert sentence.endswith(
        "It is followed by bank (1.6) and goal (1.5), within its interval, so another word could lead."
    )
    far = ClassRankingView("gold", ranked(("monday", 2.0, 0.1), ("bank", 0.5, 0.1)), {}, {})
    assert "followed" not in sentences.of_class(far, "sport", study_view())
    assert "<script>" not in sentences.of_class(ranking, HOSTILE, study_view())
    assert "bootstrap" not in sentence
    assert "Self-attention of words, above, tests whether" in sentences.columns_of_class_ranking(ranking)


def test_a_class_whose_words_are_alike_or_too_rare_says_so() -> None:
    alike = ClassRankingView("predicted", ranked(("monday", 0.1, 0.6), ("bank", 0.0, 0.6)), {}, {})
    rare, few = (ClassRankingView("gold", ranked(n_documents=n), {}, {}) for n in (8, 2))

    said = words(sentences.of_class(alike, "sport", study_view()))
    assert "none is shown to have more self-attention than the average" in said
    said = words(sentences.of_class(rare, "sport", study_view()))
    assert said == "No word is in at least 3 of the 8 documents of the gold class sport, so words were not ranked."
    said = words(sentences.of_class(few, "sport", study_view()))
    assert said == "Words were not ranked: 2 documents have the gold class sport, and a word must be in at least 3."
