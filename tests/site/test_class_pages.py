"""The pages of classes and of misclassified documents agree with the statistics."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from html_page import Page, words
from synthetic_attention import LABEL_NAMES
from synthetic_site import HOSTILE_LABELS, site_settings

from attviz_pipeline import formats
from attviz_pipeline.artifacts import files, output_schemas, statistics_schemas, term_schemas
from attviz_pipeline.artifacts.schema import Schema
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.views import classes
from attviz_pipeline.report.views.class_terms import read_group_terms
from attviz_pipeline.report.views.classes import ClassEvidence, DocumentLists, GroupView
from attviz_pipeline.report.views.separation import read_separation
from attviz_pipeline.report.views.study import StudyView, read_study_view


@pytest.fixture(scope="module")
def study(inputs: SiteInputs) -> StudyView:
    return read_study_view(site_settings().study, inputs)


@pytest.fixture(scope="module")
def evidence(inputs: SiteInputs, study: StudyView) -> ClassEvidence:
    return classes.read_class_evidence(inputs, read_separation(inputs.terms.class_heads, study), study)


@pytest.fixture(scope="module")
def groups(evidence: ClassEvidence, study: StudyView) -> list[GroupView]:
    return list(classes.iter_group_pages(evidence, study))


def test_there_is_a_page_for_every_class_and_for_wrong_predictions(groups: list[GroupView]) -> None:
    assert [group.name for group in groups] == [*LABEL_NAMES, "wrong"]
    assert [group.page for group in groups] == [*(links.class_page(n) for n in range(3)), links.WRONG]


def test_the_page_of_a_class_ranks_its_words_and_shows_their_cloud(inputs: SiteInputs, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    shutil.copytree(inputs.figures, figures)
    content = files.read_json(figures / "figures.json", output_schemas.FIGURES)
    cloud = next(figure for figure in content["figures"] if figure["kind"] == "word_cloud")
    of_class = {**cloud, "name": "class_cloud-001", "kind": "class_cloud", "layer": None, "head": None}
    content["figures"].append({**of_class, "group": LABEL_NAMES[1], "caption": "The words of this class."})
    files.write_json(figures / "figures.json", output_schemas.FIGURES, content)

    write_site(site_settings(), replace(inputs, figures=figures), tmp_path / "site")

    ranked = _rows(inputs.terms.class_rankings, term_schemas.CLASS_RANKINGS)
    for label, name in enumerate(LABEL_NAMES):
        page = words(tmp_path / "site" / links.class_page(label))
        first = next(row for row in ranked if row["group"] == name)
        assert f"documents of the gold class {name}" in page
        assert f"{first['term']} (in {formats.plural(first['document_frequency'], 'document')})" in page
        assert ("The words of this class." in page) == (label == 1)
    wrong = words(tmp_path / "site" / links.WRONG)
    assert "Words with the most self-attention" not in wrong


def test_only_words_beyond_chance_are_listed(inputs: SiteInputs, tmp_path: Path) -> None:
    key = ("gold", LABEL_NAMES[1])
    mine = [row for row in _rows(inputs.terms.class_terms, term_schemas.CLASS_TERMS) if _key(row) == key]
    used_more = [row["term"] for row in sorted(mine, key=lambda row: (-row["log_odds_z"], row["term"]))][:2]
    used_less = mine[-1]["term"]
    changed = {term: {"use_q": 0.04} for term in [*used_more, used_less]} | {mine[5]["term"]: {"q": 0.04}}
    found = read_group_terms(_with_q(inputs, tmp_path, {key: changed}).terms.class_terms)[key]
    assert [term.term for term in found.used_more] == used_more
    assert [term.term for term in found.used_less] == [used_less]
    assert [term.term for term in found.attended] == [mine[5]["term"]]
    assert found.used_more[0].width == 100
    assert (found.unclear, found.n_tested) == ([], sum(row["use_q"] is not None for row in mine))


def test_without_words_beyond_chance_those_with_the_largest_z_are_set_apart(inputs: SiteInputs, tmp_path: Path) -> None:
    found = read_group_terms(_with_q(inputs, tmp_path, {}).terms.class_terms)["gold", LABEL_NAMES[1]]
    assert (found.used_more, found.used_less, found.attended) == ([], [], [])
    z = [abs(term.use) for term in found.unclear]
    assert z == sorted(z, reverse=True)
    assert z


def test_where_nothing_differs_no_page_names_a_difference(inputs: SiteInputs, tmp_path: Path) -> None:
    write_site(site_settings(), _with_q(inputs, tmp_path, {}), tmp_path / "site")
    start, listed, of_class = (
        words(tmp_path / "site" / page) for page in (links.START, links.CLASSES, links.class_page(0))
    )
    for text in (start, listed):
        assert "None of 6 heads differs beyond chance between any gold class and the other documents" in text
        assert re.search(r"None of the [\d,]+ words .* is used more or less in one", text)
        assert "largest difference" not in text
    assert "None of 6 heads differs beyond chance between these" in of_class
    assert "The self-attention of none of " in of_class
    assert "Words used more" not in start + of_class
    assert "none beyond chance" in of_class
    rows = [row for row in _rows(inputs.terms.class_heads, term_schemas.CLASS_HEADS) if row["grouping"] == "gold"]
    assert "It does not differ beyond chance between any of 4 groups" in words(tmp_path / "site" / links.head(0, 0))
    assert len(rows) == 18


def test_what_differs_is_named_on_every_page(inputs: SiteInputs, tmp_path: Path) -> None:
    key = ("gold", LABEL_NAMES[1])
    mine = [row for row in _rows(inputs.terms.class_terms, term_schemas.CLASS_TERMS) if _key(row) == key]
    changed = {key: {mine[0]["term"]: {"use_q": 0.04}, (1, 2): {"q": 0.04}}}
    write_site(site_settings(), _with_q(inputs, tmp_path, changed), tmp_path / "site")
    for page in (links.START, links.CLASSES):
        text = words(tmp_path / "site" / page)
        assert "1 of 6 heads differs beyond chance" in text
        assert "The one that differs is L1·H2: its self-attention" in text
        assert "In 43 of 100 random halves of the documents" in text
        assert f" documents of {LABEL_NAMES[1]}, Hedges' g " in text
        assert re.search(r"1 of the [\d,]+ words .* is used more or less in at least one", text)
    assert f"use {mine[0]['term']} more than other documents do" in words(tmp_path / "site" / links.class_page(1))
    assert f"in {LABEL_NAMES[1]} than in the other documents" in words(tmp_path / "site" / links.head(1, 2))


def _rows(path: Path, schema: Schema) -> list[dict[str, Any]]:
    return files.read_table(path, schema).to_pylist()


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["grouping"], row["group"]


def _with_q(
    inputs: SiteInputs, folder: Path, changed: dict[tuple[str, str], dict[Any, dict[str, float]]]
) -> SiteInputs:
    """The same statistics with q and use_q 1 but in some rows, by group and by term or (layer, head)."""
    heads, terms = folder / "class_heads.parquet", folder / "class_terms.parquet"
    winners = []
    for path, written, schema in (
        (inputs.terms.class_heads, heads, term_schemas.CLASS_HEADS),
        (inputs.terms.class_terms, terms, term_schemas.CLASS_TERMS),
    ):
        rows = _rows(path, schema)
        for row in rows:
            new = changed.get(_key(row), {}).get(row.get("term") or (row["layer"], row["head"]), {})
            row.update({name: 1.0 for name in ("q", "use_q") if row.get(name) is not None} | new)
            if new and "head" in row:
                place = {name: row[name] for name in ("grouping", "group", "layer", "head")}
                winners.append(place | {"n_halves": 100, "n_won": 43})
        facts = files.read_facts(path, schema)
        facts = facts | {"winners": winners} if "winners" in facts else facts
        files.write_table(written, schema, {name: [row[name] for row in rows] for name in schema.arrow.names}, facts)
    return replace(inputs, terms=replace(inputs.terms, class_heads=heads, class_terms=terms))


def test_heads_are_the_clearest_of_the_table(inputs: SiteInputs, groups: list[GroupView]) -> None:
    rows = files.read_table(inputs.terms.class_heads, term_schemas.CLASS_HEADS).to_pylist()
    mine = [row for row in rows if (row["grouping"], row["group"]) == ("gold", LABEL_NAMES[2])]
    clearest = min(mine, key=lambda row: (row["q"], -abs(row["effect"])))
    first = groups[2].heads[0]
    assert (first.head.layer, first.head.head, first.effect, first.q) == tuple(
        clearest[name] for name in ("layer", "head", "effect", "q")
    )


def test_documents_are_the_most_confident_of_their_kind(inputs: SiteInputs, groups: list[GroupView]) -> None:
    rows = files.read_table(inputs.statistics.document_index, statistics_schemas.DOCUMENT_INDEX).to_pylist()
    right, missed, taken = groups[0].documents
    confident = sorted(rows, key=lambda row: (-max(row["probabilities"]), row["position"]))
    expected = {
        right.title: [r["position"] for r in confident if r["label"] == 0 == r["prediction"]],
        missed.title: [r["position"] for r in confident if r["label"] == 0 != r["prediction"]],
        taken.title: [r["position"] for r in confident if r["label"] != 0 == r["prediction"]],
    }
    for shown in (right, missed, taken):
        assert [row.position for row in shown.rows] == expected[shown.title][:5]
        assert shown.n_documents == len(expected[shown.title])
    wrong = [r["position"] for r in confident if r["label"] != r["prediction"]]
    assert [row.position for row in groups[3].documents[0].rows] == wrong[:5]
    assert groups[3].documents[0].n_documents == len(wrong)


def test_document_lists_do_not_depend_on_the_order(inputs: SiteInputs, study: StudyView) -> None:
    rows = files.read_table(inputs.statistics.document_index, statistics_schemas.DOCUMENT_INDEX).to_pylist()
    forward, backward = DocumentLists(study.task), DocumentLists(study.task)
    for row in rows:
        forward.add([row])
    backward.add(rows[::-1])
    for kind in (("hits", 1), ("missed", 0), ("added", 2), DocumentLists.MISTAKES):
        assert forward.most_confident(kind) == backward.most_confident(kind) != []
    assert forward.n_documents == backward.n_documents


def test_one_prediction_is_known_where_there_is_one(evidence: ClassEvidence, study: StudyView) -> None:
    assert evidence.only_prediction(study) is None
    one = DocumentLists(study.task)
    one.add([{"position": n, "label": None, "prediction": 2, "probabilities": [0.1, 0.2, 0.7]} for n in range(24)])
    assert replace(evidence, documents=one).only_prediction(study) == [LABEL_NAMES[2]]


def test_scores_are_those_of_the_assessment(inputs: SiteInputs, evidence: ClassEvidence, study: StudyView) -> None:
    assessed = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)["per_class"]
    shown = classes.classes_view(evidence, study).classes
    assert [(c.n_gold, c.n_predicted, c.precision, c.recall, c.f1) for c in shown] == [
        tuple(row[name] for name in ("n_gold", "n_predicted", "precision", "recall", "f1")) for row in assessed
    ]


def test_the_confusion_matrix_leads_to_documents_and_classes(site: Path) -> None:
    addresses = {address for _, address in Page(site / links.CLASSES).addresses}
    assert {links.class_page(0), links.WRONG} <= addresses
    assert any(address.startswith("documents.html#gold=0&predicted=") for address in addresses)


def test_the_start_page_gives_intervals_of_its_scores(inputs: SiteInputs, site: Path) -> None:
    text = " ".join(Page(site / links.START).text.split())
    accuracy = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)["scores"]["accuracy"]
    assert f"95 % interval {formats.percent(accuracy['low'])} to {formats.percent(accuracy['high'])}" in text
    assert "Differences between classes" in text


def test_pages_say_where_dependent_documents_were_permuted(inputs: SiteInputs, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    inputs = _with_q(inputs, changed, {("correct", "wrong"): {(0, 0): {"q": 0.01}}})
    facts = files.read_facts(inputs.terms.class_heads, term_schemas.CLASS_HEADS)
    columns = files.read_table(inputs.terms.class_heads, term_schemas.CLASS_HEADS).to_pydict()
    summary = files.read_json(inputs.statistics.summary, statistics_schemas.SUMMARY)
    permuted = {"gold": "rows", "predicted": "documents", "correct": "documents"}
    heads, counts = tmp_path / "class_heads.parquet", tmp_path / "summary.json"
    files.write_table(heads, term_schemas.CLASS_HEADS, columns, facts | {"permuted": permuted})
    files.write_json(counts, statistics_schemas.SUMMARY, summary | {"n_sources": summary["n_documents"] - 1})
    terms, statistics = replace(inputs.terms, class_heads=heads), replace(inputs.statistics, summary=counts)

    write_site(site_settings(), replace(inputs, terms=terms, statistics=statistics), tmp_path / "site")

    sentence = "The test treats them as independent"
    assert sentence in " ".join(Page(tmp_path / "site" / links.WRONG).text.split())
    assert sentence not in " ".join(Page(tmp_path / "site" / links.class_page(0)).text.split())
    assert "so these intervals are too narrow" in Page(tmp_path / "site" / links.head(0, 0)).text
    about, head = (" ".join(Page(tmp_path / "site" / page).text.split()) for page in ("about.html", links.head(0, 0)))
    for page in (about, head):
        assert "documents of one input row count as independent, so q is too small)" in page
    gold = "Gold labels are those of the input rows: the whole texts that the documents are parts of."
    for page in (links.WRONG, "index.html", links.document(0)):
        assert " ".join(Page(tmp_path / "site" / page).text.split()).count(gold) == 1
    assert gold not in " ".join(Page(tmp_path / "site" / links.class_page(0)).text.split())
    assert "An input row is one text of the dataset" in Page(tmp_path / "site" / "about.html").text


def test_hostile_class_names_are_only_text(hostile_site: Path) -> None:
    for label, name in enumerate(HOSTILE_LABELS):
        page = Page(hostile_site / links.class_page(label))
        assert name in page.text
        assert not any(attribute.startswith("on") for _, attribute, _ in page.attributes)


def test_the_about_page_gives_the_associations(inputs: SiteInputs, site: Path) -> None:
    rows = files.read_table(inputs.terms.class_heads, term_schemas.CLASS_HEADS).to_pylist()
    mistakes = [row for row in rows if (row["grouping"], row["group"]) == ("correct", "wrong")]
    n_differ = sum(row["q"] < 0.05 for row in mistakes)
    assert len(mistakes) == 6
    assessed = files.read_json(inputs.assessment.assessment, statistics_schemas.ASSESSMENT)["confidence_and_entropy"][
        0
    ]["spearman"]
    text = " ".join(Page(site / links.ABOUT).text.split())
    said = f"{assessed['value']:+.2f} (95 % interval {assessed['low']:+.2f} to {assessed['high']:+.2f})"
    assert said.replace("-", "−") in text
    assert f"{n_differ or 'none'} of 6 heads" in text
