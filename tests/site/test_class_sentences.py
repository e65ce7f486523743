"""What the pages say about classes: every form of each sentence, with its numbers."""
# ruff: noqa: ANN401 - keywords replace values of any field

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sentence_views import HOSTILE, effect_view, imported, study_view, words

from attviz_pipeline.report.sentences import classes as sentences
from attviz_pipeline.report.views.class_terms import GroupTerms, GroupTermView
from attviz_pipeline.report.views.classes import ClassScoreView, DifferencesView
from attviz_pipeline.report.views.separation import ComparisonView, EffectView, FamilyView, WinnerView


def comparison(*effects: EffectView, **others: Any) -> ComparisonView:
    values = {
        "grouping": "gold",
        "reason": None,
        "winner": None,
        "families": [],
        "detectable_effect": 0.97,
        "n_units": (11, 44),
    }
    return ComparisonView(effects=effects, **(values | others))


LEFT_OUT = comparison(reason="1 of 55 documents; two inside and two outside are needed")


def term(name: str, z: float = 4.0) -> GroupTermView:
    return GroupTermView(name, 5, 0.5, 0.1, 0.9, 0.01, 0.01, z, z, 100, 50, 25)


def group_terms(more: str = "", less: str = "", attended: str = "", n_tested: int = 500) -> GroupTerms:
    return GroupTerms(
        used_more=[term(name) for name in more.split()],
        used_less=[term(name, -4) for name in less.split()],
        attended=[term(name) for name in attended.split()],
        unclear=[] if more or less else [term("unclear")],
        used_differently=frozenset((more + " " + less).split()),
        n_attended=len(attended.split()),
        n_tested=n_tested,
        n_attention_tested=n_tested,
    )


def score(**others: Any) -> ClassScoreView:
    values = {
        "name": "sport",
        "page": "classes/000.html",
        "n_gold": 11,
        "n_predicted": 22,
        "n_predicted_labelled": 22,
        "precision": 0.5,
        "recall": 1.0,
        "f1": 0.67,
        "words": [],
    }
    return ClassScoreView(**(values | others))


def differences(**others: Any) -> DifferencesView:
    values = {
        "grouping": "gold",
        "n_compared": 5,
        "n_documents": 55,
        "n_heads": 6,
        "n_heads_differing": 2,
        "winner": WinnerView(effect_view(5), 100, 43),
        "n_words": 500,
        "n_words_differing": 3,
        "support": 3,
        "families": [],
    }
    return DifferencesView(**(values | others))


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (
            score(),
            (
                "Of 55 documents, 11 have this gold label, and the fine-tuned "
                "some/bert predicts this class for 22. Recall is "
                "100 %, precision 50 %; as many predictions at random reach 40 % and 20 % on average."
            ),
        ),
        (
            score(n_gold=1, n_predicted_labelled=0, precision=None, recall=0.0),
            (
                "Of 55 documents, 1 has this gold label, and the fine-tuned "
                "some/bert predicts this class for 0. Recall is "
                "0 %; precision is not defined, because no document is predicted as this class."
            ),
        ),
        (
            score(n_gold=0, n_predicted_labelled=0, precision=None, recall=None),
            (
                "Of 55 documents, 0 have this gold label, and the fine-tuned "
                "some/bert predicts this class for 0. Recall is "
                "not defined, because no document has this gold label; precision is not defined, because no document "
                "is predicted as this class."
            ),
        ),
    ],
)
def test_scores_stand_beside_those_of_random_predictions(view: ClassScoreView, said: str) -> None:
    assert words(sentences.class_scores(view, study_view())) == said


def test_scores_name_the_documents_that_have_labels() -> None:
    assert "Of 50 documents with a known gold label, 11 have" in words(
        sentences.class_scores(score(), study_view(n_labelled=50))
    )
    unknown = sentences.class_scores(score(n_gold=None), study_view(n_labelled=0, confusion=None))
    assert words(unknown) == "This class is predicted for 22 of 55 documents by the fine-tuned some/bert."


def test_misclassified_documents_are_counted() -> None:
    sentence = sentences.misclassified(study_view(), "classes/wrong.html")
    assert words(sentence) == "7 of 55 documents with a known gold label are misclassified by the fine-tuned some/bert."
    assert '<a href="classes/wrong.html">' in sentence
    one = study_view(confusion=[[44, 1], [0, 10]])
    assert words(sentences.misclassified_group(one)).endswith("This page compares it with the 54 correctly classified "
                                                              "documents.")  # fmt: skip
    only = study_view(confusion=[[45, 0], [10, 0]])
    exactly = "The model predicts sport only, so these are exactly the documents of other gold classes."
    assert exactly in words(sentences.misclassified_group(only))
    assert "exactly" not in words(sentences.misclassified_group(one))
    right = study_view(confusion=[[45, 0], [0, 10]])
    assert words(sentences.misclassified(right)) == (
        "All 55 documents with a known gold label are correctly classified by the fine-tuned some/bert."
    )
    assert words(sentences.misclassified(study_view(n_labelled=0, confusion=None))) == (
        "The classes are those that the fine-tuned some/bert predicts."
    )


def test_a_group_that_was_not_compared_says_why_and_nothing_else() -> None:
    assert sentences.not_compared(LEFT_OUT) == (
        "Not compared with other documents: 1 of 55 documents; two inside and two outside are needed."
    )
    assert sentences.not_compared(comparison(effect_view())) == ""
    for said in (
        sentences.word_use(LEFT_OUT, group_terms("a"), 3),
        sentences.word_attention(LEFT_OUT, group_terms("a")),
        sentences.head_differences(LEFT_OUT, study_view()),
        sentences.largest_difference(LEFT_OUT, study_view(), ""),
        sentences.detectable(LEFT_OUT),
        sentences.dependent_documents(LEFT_OUT),
    ):
        assert said == ""


def test_groups_that_were_not_compared_are_listed_where_they_could_be() -> None:
    why = "1 of 55 documents; two inside and two outside are needed"
    reasons = [f"{name}: {why}" for name in ("gold a: b", "predicted wrong", "correct wrong", "correct right")]
    assert sentences.groups_not_compared(reasons, study_view()) == [
        f"Gold class a: b: {why}.",
        f"Predicted class wrong: {why}.",
        f"Misclassified documents: {why}.",
        f"Correctly classified documents: {why}.",
    ]
    unlabelled = study_view(n_labelled=0, confusion=None)
    assert sentences.groups_not_compared(reasons, unlabelled) == [f"Predicted class wrong: {why}."]


def test_use_of_words_is_not_compared_or_the_same_or_different() -> None:
    made = comparison(effect_view())
    for nothing in (None, group_terms(n_tested=0)):
        assert sentences.word_use(made, nothing, 3) == "No word is in at least 3 documents, so no word was compared."
    assert words(sentences.word_use(made, group_terms(), 3)) == (
        "The use of none of the 500 words that are in at least 3 documents differs from that in other documents beyond "
        "chance (permutation test, q < 0.05)."
    )
    assert words(sentences.word_use(made, group_terms("goal team"), 3)) == (
        "Beyond chance, these documents use goal and team more than other documents do; in all, 2 of the 500 words "
        "that are in at least 3 documents differ in use (permutation test, q < 0.05)."
    )
    both = words(sentences.word_use(made, group_terms("goal team cup coach", "minister"), 3))
    wrong = comparison(effect_view(grouping="correct"), grouping="correct")
    assert "differs from that in correctly classified documents" in sentences.word_use(wrong, group_terms(), 3)
    assert "than correctly classified documents do" in sentences.word_use(wrong, group_terms("goal"), 3)
    assert "use goal, team and cup more and minister less than other documents do; in all, 5 of" in both
    assert HOSTILE not in sentences.word_use(made, group_terms(HOSTILE.replace(" ", "")), 3)


def test_self_attention_of_words_is_the_same_or_different() -> None:
    made = comparison(effect_view())
    assert words(sentences.word_attention(made, group_terms())) == (
        "The self-attention of none of 500 words differs beyond chance (permutation test, q < 0.05)."
    )
    assert words(sentences.word_attention(made, group_terms(attended="a b"))) == (
        "The self-attention of 2 of 500 words differs beyond chance (permutation test, q < 0.05)."
    )
    many = replace(group_terms(attended="a b"), n_attended=40)
    assert words(sentences.word_attention(made, many)).endswith("; the 2 with the smallest q:")
    assert sentences.word_attention(made, group_terms(n_tested=0)) == ""
    assert sentences.unclear_words(group_terms()) == "1 word with the largest |z| of use, none beyond chance"


def test_heads_are_the_same_or_differ_and_the_largest_is_shrunken() -> None:
    same = comparison(effect_view(q=0.05), effect_view(1, q=0.9))
    assert words(sentences.head_differences(same, study_view())) == (
        "None of 2 heads differs beyond chance between these 11 documents and the 44 other documents (permutation "
        "test, q < 0.05)."
    )
    assert sentences.largest_difference(same, study_view(), "") == ""
    # The smallest q comes first in the table; the sentence names the largest effect after shrinkage.
    found = comparison(effect_view(q=0.001, size=0.4), effect_view(4, q=0.01, size=-1.4), effect_view(1, q=0.9, size=9))
    assert words(sentences.head_differences(found, study_view())) == (
        "2 of 3 heads differ beyond chance between these 11 documents and the 44 other documents (permutation test, "
        "q < 0.05)."
    )
    sentence = sentences.largest_difference(found, study_view(), "../")
    assert words(sentence) == (
        "Of the 2 heads that differ beyond chance, L1·H1 differs most: its self-attention relative to even attention "
        "is lower here, Hedges' g −1.4 after shrinkage (measured −2.1, 95 % interval −1.4 to −2.8)."
    )
    assert 'href="../heads/4.html"' in sentence
    won = replace(found, winner=WinnerView(effect_view(4), 100, 43))
    assert words(sentences.largest_difference(won, study_view(), "")).endswith(
        "In 43 of 100 random halves of the documents, this is again the largest difference of all heads and classes, "
        "so another could be the largest."
    )
    wrong = comparison(effect_view(grouping="correct"), grouping="correct")
    assert "and the 44 correctly classified documents" in words(sentences.head_differences(wrong, study_view()))
    assert "interval" not in sentences.effect_size(effect_view(effect_low=None, effect_high=None))


def test_the_table_of_heads_has_a_name_that_holds_for_each_row() -> None:
    effects = [effect_view(row) for row in range(3)]
    made = comparison(*effects)
    assert sentences.heads_title(made, effects, study_view()) == "Difference from other documents, by head"
    assert sentences.heads_title(made, effects[:2], study_view()) == (
        "Difference from other documents: the 2 of 3 heads with the smallest q"
    )
    unclear = [effect_view(row, q=1.0) for row in range(3)]
    assert sentences.heads_title(comparison(*unclear), unclear[:2], study_view()) == (
        "Difference from other documents: the 2 of 3 heads with the largest |g|, none beyond chance"
    )
    assert [sentences.order(some) for some in (effects, unclear)] == ["the smallest q first", "the largest |g| first"]
    assert sentences.order([effect_view(q=0.2, measure="rho")]) == "the largest |\u03c1| first"
    wrong = comparison(*effects, grouping="correct")
    assert (
        sentences.heads_title(wrong, effects, study_view()) == "Difference from correctly classified documents, by head"
    )
    assert sentences.heads_title(LEFT_OUT, [], study_view()) == "Difference from other documents, by head"
    assert sentences.heads_title(made, effects, imported()).endswith("by vector")


def test_a_comparison_says_what_it_can_detect() -> None:
    assert sentences.detectable(comparison(effect_view())).startswith(
        "With 11 against 44 documents, one test alone (p < 0.05) finds a true difference of 1.0 standard deviations in "
        "80 % of samples."
    )
    assert sentences.detectable(comparison(effect_view(), detectable_effect=None)) == ""
    assert sentences.detectable(comparison(effect_view(), n_units=None)) == ""


def test_groups_too_small_for_any_finding_are_said_to_be() -> None:
    small = effect_view(q=0.3, n_inside=3, too_few=True)
    assert sentences.too_few_documents(comparison(small), study_view()) == (
        "3 against 44 documents are too few for a single head to have q < 0.05, however clearly it differs: documents "
        "of similar length can be permuted in too few ways."
    )
    assert sentences.too_few_documents(comparison(effect_view(q=0.3)), study_view()) == ""
    assert sentences.too_few_documents(comparison(), study_view()) == ""
    # Several heads that differ at once can have a small q, which is not hidden.
    cells = [sentences.cell_of_q(row) for row in (small, effect_view(q=0.3), replace(small, q=0.01))]
    assert cells == ["too few documents", "0.3", "0.01"]


def test_what_can_be_detected_depends_on_the_rows_that_were_permuted() -> None:
    of_rows = comparison(effect_view(n_inside=417, n_outside=1546), n_units=(101, 342))
    assert sentences.detectable(of_rows).startswith("With 101 against 342 input rows, one test alone")
    assert sentences.detectable(comparison(effect_view(q_too_small=True))) == ""


def test_q_is_of_documents_or_of_input_rows() -> None:
    own, shared = study_view(), study_view(n_sources=20)
    over = "q: false discovery rate of permutation tests over {}."
    assert sentences.false_discovery_rate(comparison(effect_view()), own) == over.format("documents")
    assert sentences.false_discovery_rate(comparison(effect_view()), shared) == over.format("input rows")
    dependent = comparison(effect_view(q_too_small=True))
    assert sentences.false_discovery_rate(dependent, shared) == over.format("documents")


def test_halves_are_of_input_rows_where_documents_share_them() -> None:
    won, shared = WinnerView(effect_view(5), 100, 43), study_view(n_sources=20)
    assert sentences.winner(won, shared).startswith("In 43 of 100 random halves of the input rows, this is again")
    assert sentences.winner(won, study_view()).startswith("In 43 of 100 random halves of the documents, this is again")


TOO_SMALL = "(permutation test, q < 0.05; documents of one input row count as independent, so q is too small)"


def test_every_difference_says_that_q_is_too_small() -> None:
    dependent, study = comparison(effect_view(q_too_small=True)), study_view(n_sources=20)
    for said in (
        sentences.head_differences(dependent, study),
        sentences.word_use(dependent, group_terms("goal"), 3),
        sentences.word_attention(dependent, group_terms(attended="goal")),
        sentences.class_differences(differences(q_too_small=True), study),
        sentences.words_differ(differences(q_too_small=True), study),
    ):
        assert TOO_SMALL in words(said)
    assert "too small" not in words(sentences.head_differences(comparison(effect_view()), study))
    # A q that is too small cannot hide a difference.
    none = comparison(effect_view(q=0.5, q_too_small=True))
    for said in (
        sentences.head_differences(none, study),
        sentences.word_use(none, group_terms(), 3),
        sentences.word_attention(none, group_terms()),
        sentences.class_differences(differences(q_too_small=True, n_heads_differing=0, winner=None), study),
        sentences.words_differ(differences(q_too_small=True, n_words_differing=0), study),
    ):
        assert "(permutation test, q < 0.05)" in words(said)


def test_permutations_are_counted_and_a_floor_is_named() -> None:
    heads, use = FamilyView("heads", 72, 999, False), FamilyView("use", 900, 999, False)
    assert sentences.permutations([]) == ""
    assert sentences.permutations([heads, use]) == "Each test has at most 999 permutations."
    more = replace(use, n_permutations=50_000, floor_sets_q=True)
    assert sentences.permutations([heads, more]) == (
        "Each test has at most 999 (heads) and 50,000 (the use of words) permutations. For the use of "
        "words, this number and not the data sets the smallest q: more permutations would lower it."
    )
    assert sentences.permutations([heads, replace(use, n_wanted=18_000)]) == (
        "Each test has at most 999 permutations. A single difference in the use of words cannot have q < 0.05, however "
        "clear it is: that takes 18,000 permutations; several need fewer."
    )
    assert (
        "in heads and the use of words cannot have q < 0.05, however clear it is: that takes 700 and 18,000 perm"
        in (sentences.permutations([replace(heads, n_wanted=700), replace(use, n_wanted=18_000)]))
    )


def test_dependent_documents_are_a_warning() -> None:
    assert "every q on this page is too small" in sentences.dependent_documents(
        comparison(effect_view(q_too_small=True))
    )
    assert sentences.dependent_documents(comparison(effect_view())) == ""


def test_words_of_a_class_are_words_or_none_or_not_compared() -> None:
    assert words(sentences.words_of_class(["goal", "team"])) == "goal, team"
    assert words(sentences.words_of_class([])) == "none"
    assert words(sentences.words_of_class(None)) == "not compared"
    assert HOSTILE not in sentences.words_of_class([HOSTILE])


def test_classes_are_not_compared_or_the_same_or_different() -> None:
    left_out = differences(n_compared=0, n_documents=0, n_heads=0, n_heads_differing=0, winner=None)
    assert words(sentences.class_differences(left_out, study_view())) == (
        "Classes were not compared: a comparison needs two documents that are in a class and two that are not."
    )
    assert sentences.words_differ(left_out, study_view()) == ""
    same = differences(n_heads_differing=0, winner=None, n_words_differing=0)
    assert words(sentences.class_differences(same, study_view())) == (
        "None of 6 heads differs beyond chance between any gold class and the other documents, over 55 documents "
        "(permutation test, q < 0.05)."
    )
    assert words(sentences.words_differ(same, study_view())) == (
        "None of the 500 words that are in at least 3 documents is used more or less in one class than in the other "
        "documents, beyond chance (permutation test, q < 0.05)."
    )
    assert words(sentences.class_differences(differences(), study_view())) == (
        "2 of 6 heads differ beyond chance between at least one gold class and the other documents, over 55 "
        "documents (permutation test, q < 0.05)."
    )
    assert words(sentences.words_differ(differences(), study_view())).startswith("3 of the 500 words")
    assert "No word is in at least 3 documents" in sentences.words_differ(
        differences(n_words=0, n_words_differing=0), study_view()
    )
    assert "one predicted class" in sentences.class_differences(differences(grouping="predicted"), study_view())


def test_the_largest_difference_between_classes_is_said_only_if_there_is_one() -> None:
    assert words(sentences.largest_class_difference(differences(), study_view(), "")) == (
        "The largest difference is that of L1·H2: its self-attention relative to even attention is higher in the 11 "
        "documents of sport, Hedges' g +1.4 after shrinkage (measured +2.1, 95 % interval +1.4 to +2.8). In 43 of 100 "
        "random halves of the documents, this is again the largest difference of all heads and classes, so another "
        "could be the largest."
    )
    only = words(sentences.largest_class_difference(differences(n_heads_differing=1), study_view(), ""))
    assert only.startswith("The one that differs is L1·H2: its")
    same = differences(n_heads_differing=0, winner=None)
    assert sentences.largest_class_difference(same, study_view(), "") == ""


def test_an_interval_with_0_beside_a_small_q_is_explained() -> None:
    spans_zero = effect_view(q=0.001, effect_low=-0.1, effect_high=0.9)
    assert sentences.intervals_and_tests([effect_view(), spans_zero], study_view()).startswith(
        "Some intervals include 0 although q < 0.05: the test compares documents of similar length,"
    )
    dependent = replace(spans_zero, q_too_small=True)
    assert sentences.intervals_and_tests([effect_view(), dependent], study_view()) == (
        "Some intervals include 0 although q < 0.05: the test counts documents as independent, the interval counts the "
        "input rows that they come from; trust the interval."
    )
    for expected in ([effect_view(q=0.001)], [replace(spans_zero, q=0.05)], [effect_view(effect_low=None)], []):
        assert sentences.intervals_and_tests(expected, study_view()) == ""
    assert sentences.intervals_and_tests([effect_view(q=1.0)], study_view()) == (
        "Intervals are of one head alone, not adjusted for 6 heads; q is."
    )


def test_a_list_of_documents_says_how_many_it_shows() -> None:
    assert sentences.listed_documents(5, 1200) == "5 of 1,200 documents."
    assert sentences.listed_documents(5, 5) == sentences.listed_documents(5, 5, 5) == ""
    assert sentences.listed_documents(5, 1200, 30) == "5 of the 30 with a page, of 1,200 documents."
    assert sentences.listed_documents(3, 1200, 3) == "The 3 with a page, of 1,200 documents."
    assert sentences.listed_documents(0, 12, 0) == "None of 12 documents has a page."


def test_the_confusion_matrix_says_what_it_counts() -> None:
    assert "of 55 documents with a known gold label" in sentences.confusion_matrix(study_view())
    part = replace(study_view(), with_page=np.arange(3))
    assert sentences.confusion_matrix(part).endswith("Each number links to its documents that have a page.")
    assert sentences.confused_pairs(2, study_view()) == (
        "The 2 most frequent pairs of gold and predicted class of 7 misclassified documents, 2 classes."
    )
    assert sentences.confused_pairs(0, study_view()) == ""
