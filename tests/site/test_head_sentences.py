"""What the pages say about heads: every form of each sentence, with its numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sentence_views import HOSTILE, effect_view, imported, study_view, words

from attviz_pipeline.report.sentences import heads as sentences
from attviz_pipeline.report.views.head_map import LikenessView
from attviz_pipeline.report.views.heads import EvennessView, HeadsView, HeadView, RelativeView
from attviz_pipeline.report.views.likeness import MEASURES, NeighboursView, PairView
from attviz_pipeline.report.views.offsets import OffsetRowView, OffsetView
from attviz_pipeline.report.views.profiles import DelimitersView, LayerRow, ProfileView
from attviz_pipeline.report.views.study import HeadRef

OTHER = HeadRef(1, 2, "heads/5.html")
RELATIVE = RelativeView(2.3, 2.1, 2.5, 54)


def head(number: int = 0, mean: float = 0.0215, std: float = 0.04) -> HeadView:
    return HeadView(*divmod(number, 3), 3421, mean, std, 0, 1, f"heads/{number}.html", [])


def grid(*heads: HeadView, relative: bool = True) -> HeadsView:
    return HeadsView(
        rows=[list(heads)],
        relative={(one.layer, one.head): RELATIVE for one in heads} if relative else {},
        strongest=max(heads, key=lambda one: one.mean),
        weakest=min(heads, key=lambda one: one.mean),
        most_varied=max(heads, key=lambda one: one.std),
        evenness=EvennessView([], 1.5, 0),
    )


def profile(role: str, value: float) -> ProfileView:
    return ProfileView(role, f"the role {role}", value, 0.5, 0.9, [], 55)


def neighbours(*q: float, measure: str = "fuji", n_beyond_chance: int = 0) -> NeighboursView:
    pairs = [PairView(OTHER, 0.8, 0.1, 0.3, value, value) for value in q]
    return NeighboursView(MEASURES[measure], 341, 3, pairs, [], n_beyond_chance, 5, constant=False)


def likeness(n_beyond_chance: int, **others: Any) -> LikenessView:  # noqa: ANN401 - any field
    values = {
        "measure": "fuji",
        "text": MEASURES["fuji"],
        "n_units": 341,
        "least": 3,
        "n_beyond_chance": n_beyond_chance,
        "n_pairs": 15,
        "n_constant": 0,
        "n_permutations": 1000,
        "n_tail_pairs": 0,
        "floor_sets_q": False,
        "outcome": "found",
        "n_groups": 3,
        "silhouette": 0.412,
        "silhouette_by_chance": 0.187,
        "points": [],
        "width": 1,
        "height": 1,
        "pairs": [],
        "stress": 0,
        "matrix": {},
    }
    return LikenessView(**(values | others))


def distance(strongest: OffsetRowView | None) -> OffsetView:
    return OffsetView(1, 1, 0, "", "", "", [], [], [], strongest, 20)


def test_self_attention_stands_beside_even_attention() -> None:
    mean = (
        "Over 3,421 tokens of text in 55 documents, mean self-attention in the fine-tuned some/bert is 0.0215 "
        "(standard deviation 0.0400)."
    )
    assert words(sentences.self_attention(head(), RELATIVE, study_view())) == (
        f"{mean} In the geometric mean over 54 documents, it is 2.3 times even attention, 1/n for n tokens (95 % "
        "interval 2.1 to 2.5)."
    )
    assert words(sentences.self_attention(head(), None, study_view())) == mean
    one_row = sentences.self_attention(head(), replace(RELATIVE, low=None, high=None), study_view())
    assert "interval" not in one_row
    assert HOSTILE not in sentences.self_attention(head(), None, replace(study_view(), model={"source": HOSTILE}))


def test_extremes_are_said_where_heads_differ() -> None:
    sentence = sentences.extremes(grid(head(0, 0.2), head(4, 0.02), head(2, 0.1)), study_view(), "../")
    assert words(sentence) == (
        "Over 3,421 tokens of text in 55 documents, mean self-attention in the fine-tuned some/bert is highest in "
        "L0·H0 (0.200; in the geometric mean over documents 2.3 times even attention) and lowest in L1·H1 (0.0200; in "
        "the geometric mean over documents 2.3 times even attention)."
    )
    assert 'href="../heads/4.html"' in sentence
    assert "even" not in sentences.extremes(grid(head(0, 0.2), head(1), relative=False), study_view(), "")
    assert words(sentences.extremes(grid(head(0), head(1)), study_view(), "")).endswith("is 0.0215 in every head.")
    one = study_view(n_layers=1, n_heads=1)
    assert words(sentences.extremes(grid(head()), one, "")).endswith("is 0.0215 in its only head.")


def test_the_most_varied_head_is_named_where_there_are_several() -> None:
    sentence = sentences.most_varied(grid(head(0), head(1, 0.1, 0.25)), study_view(), "")
    assert words(sentence) == (
        "L0·H1 varies most between tokens: its standard deviation is 2.5 times its mean, the largest such ratio of 6 "
        "heads."
    )
    assert sentences.most_varied(grid(head()), study_view(n_layers=1, n_heads=1), "") == ""
    assert sentences.most_varied(grid(head(0, 0.1, 0), head(1, 0.2, 0)), study_view(), "") == ""


@pytest.mark.parametrize(
    ("role", "value", "why"),
    [
        ("next", 0.8, "80 % of its attention goes there; a share of 50 % or more defines the role."),
        (
            "delimiter",
            0.6,
            "60 % of its attention goes to [CLS], [SEP] and punctuation together; 50 % or more defines the role.",
        ),
        ("broad", 0.95, "Evenness is 95 %; a head without another role is broad from 90 %."),
        ("mixed", 0.7, "No share reaches 50 %, and evenness is 70 %, below 90 %."),
    ],
)
def test_a_role_is_said_with_its_rule(role: str, value: float, why: str) -> None:
    assert words(sentences.role(profile(role, value))) == (f"Role: the role {role}, by means over 55 documents. {why}")


def test_the_nearest_head_is_not_compared_or_by_chance_or_found() -> None:
    assert "It was not compared with others" in sentences.head_not_compared(study_view())
    assert words(sentences.nearest_head(neighbours(0.05, 0.2), study_view(), "")) == (
        "Its ranking of tokens is similar to that of none of 5 other heads beyond chance (permutation test, q < 0.05)."
    )
    sentence = sentences.nearest_head(neighbours(0.2, 0.01, n_beyond_chance=2), study_view(), "../")
    assert words(sentence) == (
        "Its ranking of tokens is similar to that of 2 of 5 other heads beyond chance (permutation test, q < 0.05), "
        "most to that of L1·H2."
    )
    assert "Its distribution of self-attention within documents" in sentences.nearest_head(
        neighbours(0.5, measure="jensen_shannon"), study_view(), ""
    )


def test_a_head_is_not_compared_or_the_same_or_differs_between_groups() -> None:
    assert "It was not compared between groups of documents" in sentences.differences_of_head([])
    same = [effect_view(q=0.05), effect_view(group="world", q=0.3)]
    assert words(sentences.differences_of_head(same)) == (
        "It does not differ beyond chance between any of 2 groups and the other documents (55 documents in all; "
        "permutation test, q < 0.05)."
    )
    assert "between the only group that was compared and" in sentences.differences_of_head(same[:1])
    found = [
        effect_view(group="world", size=-1, q=0.001),
        effect_view(),
        effect_view(grouping="correct", group="wrong"),
        effect_view(group="other", q=0.5),
    ]
    assert words(sentences.differences_of_head(found)) == (
        "Beyond chance, its self-attention relative to even attention is higher in sport and misclassified documents "
        "and lower in world than in the other documents (4 groups compared, of 55 documents; permutation test, "
        "q < 0.05)."
    )
    rest = "so this q is too small)."
    dependent = [*found[:2], replace(found[2], q_too_small=True)]
    assert words(sentences.differences_of_head(dependent)).endswith(
        f"q < 0.05; documents of one input row count as independent for misclassified documents, {rest}"
    )
    assert words(sentences.differences_of_head(dependent[2:])).endswith(
        "documents of one input row count as independent, so q is too small)."
    )
    many = [effect_view(group=f"class {number}") for number in range(6)]
    assert "class 0, class 1, class 2 and 3 more than" in words(sentences.differences_of_head(many))
    assert HOSTILE not in sentences.differences_of_head([effect_view(group=HOSTILE)])


def test_groups_with_too_few_documents_are_named() -> None:
    small = [effect_view(group=name, q=0.5, n_inside=3, too_few=True) for name in ("a", "b", "c", "d", HOSTILE)]
    lead = "Too few documents for a single head to have q < 0.05, however clearly it differs: "
    assert (
        words(sentences.too_few_documents([effect_view(q=0.5), small[0]], study_view())) == f"{lead}a (3 against 44)."
    )
    assert words(sentences.too_few_documents(small, study_view())) == (
        f"{lead}a (3 against 44), b (3 against 44), c (3 against 44) and 2 more."
    )
    assert sentences.too_few_documents([effect_view(q=0.5), replace(small[0], q=0.01)], study_view()) == ""
    assert HOSTILE not in sentences.too_few_documents(small[-1:], study_view())


def test_vectors_of_a_file_are_not_called_heads() -> None:
    found = [
        sentences.extremes(grid(head(0), head(1)), imported(), ""),
        sentences.most_varied(grid(head(0), head(1, 0.1, 0.25)), imported(), ""),
        sentences.nearest_head(neighbours(0.2), imported(), ""),
        sentences.head_not_compared(imported()),
        sentences.similar_pairs(likeness(2), imported()),
        sentences.not_compared(imported()),
    ]
    assert not any(" head" in words(sentence).lower() for sentence in found)
    assert all("vector" in sentence for sentence in found)


def test_groups_are_named() -> None:
    assert words(sentences.group_name(effect_view())) == "sport"
    assert words(sentences.group_name(effect_view(grouping="predicted"))) == "predicted sport"
    assert words(sentences.group_name(effect_view(grouping="correct", group="wrong"))) == "misclassified documents"


def test_pairs_and_groups_of_heads_are_found_or_not() -> None:
    assert words(sentences.similar_pairs(likeness(0), study_view())) == (
        "None of 15 pairs of heads is more similar than chance (permutation test, q < 0.05)."
    )
    assert sentences.similar_pairs(likeness(1), study_view()).startswith("1 of 15 pairs of heads is more similar")
    assert sentences.similar_pairs(likeness(7), study_view()).startswith("7 of 15 pairs of heads are more similar")
    beside = (
        "a mean silhouette of 0.41; 95 % of clouds without groups have at most 0.19 (1: clearly separated groups, 0: "
        "no groups)."
    )
    assert sentences.head_groups(likeness(7), study_view()) == (
        f"There are 3 groups of heads beyond chance, with {beside}"
    )
    assert sentences.head_groups(likeness(7, outcome="nothing_found"), study_view()) == (
        f"No groups of heads are beyond chance: the best grouping has {beside}"
    )
    close = likeness(7, outcome="nothing_found", silhouette=0.2514, silhouette_by_chance=0.2541)
    assert "a mean silhouette of 0.251; 95 % of clouds without groups have at most 0.254 (" in (
        sentences.head_groups(close, study_view())
    )
    assert (
        sentences.head_groups(likeness(7, outcome="not_compared", silhouette_by_chance=None), study_view())
        == "The heads were not grouped: fewer than four vary within documents."
    )
    assert "Heads were not compared with each other" in sentences.not_compared(study_view())


def test_the_table_of_pairs_and_the_map_say_what_they_show() -> None:
    shown = replace(likeness(3), pairs=[(OTHER, neighbours(0.1).nearest[0])] * 12, stress=0.284)
    assert sentences.listed_pairs(shown) == "The 12 most similar of 15 pairs, as a table"
    assert sentences.listed_pairs(replace(shown, n_pairs=12)) == "12 pairs, as a table"
    assert "with stress 0.28 (0 is exact, above 0.2 only a rough guide)" in sentences.map_of_heads(shown, "head")
    of_vectors = sentences.map_of_heads(replace(shown, stress=0.2), "vector")
    assert "distances between vectors, with stress 0.20 (0 is exact). Each point links to its vector." in of_vectors


def test_measures_of_similarity_name_what_they_compare() -> None:
    of_tokens = "Over 341 tokens, those in at least 3 documents."
    assert sentences.compared(likeness(3)) == sentences.compared(neighbours(1)) == of_tokens
    assert sentences.compared(neighbours(1, measure="jensen_shannon")) == "Mean over 341 documents."


def test_lists_of_a_head_name_their_support() -> None:
    assert sentences.rank(3, 6) == "Rank 3 of 6 by mean self-attention"
    assert sentences.rank(1, 1) == ""
    assert sentences.profile_means(profile("next", 0.8)).startswith(
        "Each value is a mean over the tokens of a document, and then over 55 documents:"
    )
    assert sentences.active_documents(5, study_view()).startswith("5 of 55 documents, by mean self-attention")
    part = replace(study_view(), with_page=np.arange(20))
    assert sentences.active_documents(5, part).startswith("5 of the 20 with a page, of 55 documents, by mean")


def test_pairs_say_how_they_were_tested() -> None:
    assert sentences.pair_permutations(likeness(3)) == "Each pair was tested with 1,000 permutations."
    assert sentences.pair_permutations(likeness(3, n_tail_pairs=5, floor_sets_q=True)) == (
        "Each pair was tested with 1,000 permutations; p of 5 pairs is from a curve fitted to the most extreme of "
        "them. For some pairs this number, not the data, sets q: more permutations could find more pairs."
    )
    assert sentences.pair_permutations(likeness(0, n_pairs=0)) == ""


def test_heads_that_do_not_vary_were_not_tested() -> None:
    some = sentences.similar_pairs(likeness(0, n_constant=2, n_pairs=6), study_view())
    assert words(some) == (
        "None of 6 pairs of heads is more similar than chance (permutation test, q < 0.05). 2 heads treat all tokens "
        "of a document nearly alike and were not tested."
    )
    none = sentences.similar_pairs(likeness(0, n_constant=6, n_pairs=0), study_view())
    assert words(none) == "6 heads treat all tokens of a document nearly alike and were not tested."
    view = neighbours(1)
    assert sentences.nearest_head(replace(view, constant=True), study_view(), "") == (
        "Its similarity to others was not tested: it treats all tokens of a document nearly alike."
    )
    assert "all others treat" in sentences.nearest_head(replace(view, n_others=0), study_view(), "")


def test_even_attention_is_said_from_half_of_the_heads() -> None:
    half = EvennessView([True, True, True, False, False, False], 1.5, 40)
    assert sentences.even_attention(half, study_view()) == (
        "3 of 6 heads attend nearly evenly: self-attention is typically within a factor of 1.5 of even attention, 1/n "
        "for n tokens (40 documents). Differences between such heads are small."
    )
    assert sentences.even_attention(replace(half, even=[True, True, *[False] * 4]), study_view()) == ""
    assert sentences.even_attention(replace(half, even=[]), study_view()) == ""
    assert sentences.even_head(half, 0).startswith("It attends nearly evenly: its self-attention is typically within")
    assert sentences.even_head(half, 5) == sentences.even_head(replace(half, even=[]), 0) == ""


def test_the_strongest_distance_is_said_from_twice_even_attention() -> None:
    assert words(sentences.strongest_distance(distance(OffsetRowView("1 token before", 0.1, 0.025, 18)))) == (
        "Attention exceeds even attention most at “1 token before”: 0.10 on average over 18 documents, 4.0 times even "
        "attention."
    )
    for nothing in (None, OffsetRowView("1 token before", 0.1, 0.06, 18)):
        assert sentences.strongest_distance(distance(nothing)) == (
            "At every distance that at least half of the 20 documents have, mean attention is less than 2 times even "
            "attention."
        )


def test_documents_with_maps_are_named_with_the_reasons_of_their_selection() -> None:
    reasons = dict(enumerate(["misclassified"] * 2 + ["low_confidence", "sample", "named"]))
    some = replace(study_view(), map_reasons=reasons)
    assert sentences.mapped_documents(5, some) == (
        "the 5 documents with token-to-token maps (not a random sample of the corpus: 1 named in the configuration, "
        "2 misclassified, 1 with low confidence and 1 sampled at random)"
    )
    sampled = replace(study_view(), map_reasons=dict.fromkeys(range(3), "sample"))
    assert "(a random sample of the corpus: 3 sampled at random)" in sentences.mapped_documents(3, sampled)
    assert sentences.mapped_documents(4, some).startswith("4 of the 5 documents")
    assert sentences.mapped_documents(5, replace(some, summary=some.summary | {"n_documents": 5})) == "all 5 documents"


def layer_row(cls: float, sep: float, punctuation: float) -> LayerRow:
    return LayerRow({"on_cls": cls, "on_sep": sep, "on_punctuation": punctuation})


DELIMITERS = DelimitersView(
    mode="full",
    layers=[layer_row(0.1, 0.1, 0.1), layer_row(0.2, 0.3, 0.1)],
    every=layer_row(0.15, 0.2, 0.1),
    even=layer_row(0.05, 0.05, 0.02),
    n_documents=50,
)


def test_attention_to_delimiters_stands_beside_even_attention() -> None:
    assert sentences.delimiters(DELIMITERS, study_view()) == (
        "Over 50 documents and all 6 heads, tokens of text give 45 % of their attention to [CLS], [SEP] and "
        "punctuation; even attention would give 12 %. It is most in layer 1 (60 %) and least in layer 0 (30 %)."
    )
    tied = replace(DELIMITERS, layers=[layer_row(0.1, 0.1, share) for share in (0.1, 0.401, 0.402)])
    assert sentences.delimiters(tied, study_view()).endswith(
        "It is most in layers 1 and 2 (60 %) and least in layer 0 (30 %)."
    )
    without = replace(DELIMITERS, even=layer_row(0, 0, 0.02))
    assert "attention to punctuation; even attention would give 2 %." in sentences.delimiters(without, study_view())
    alike = replace(DELIMITERS, layers=DELIMITERS.layers[:1], even=None)
    assert sentences.delimiters(alike, study_view()).endswith("attention to [CLS], [SEP] and punctuation.")


def test_it_is_said_if_attention_to_delimiters_was_not_measured() -> None:
    none = replace(DELIMITERS, layers=[], every=None, even=None, n_documents=0)
    assert sentences.delimiters(replace(none, mode="self_attention"), study_view()).endswith(
        "was not measured: attention.mode is self_attention, which records no attention to other tokens."
    )
    assert sentences.delimiters(none, study_view()).endswith("was not measured: no document has a token of text.")
