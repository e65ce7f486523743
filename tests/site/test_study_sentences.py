"""What every page says of the study: in previews of links, of words that are redacted, and of a sample."""

import re
from dataclasses import replace
from pathlib import Path

from html_page import words
from study_views import study_view
from synthetic_site import site_settings

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.config.settings import RedactionSettings
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences import study as sentences
from attviz_pipeline.stages import RenderSite

META = re.compile(r'<meta(?: name="description")? property="og:(\w+)" content="([^"]*)">')


def test_a_preview_names_heads_model_documents_and_classes() -> None:
    tuned, loaded = study_view(), study_view(settings={"model": {"source": "bert", "mode": "load"}})

    of_tuned = "Self-attention of the 72 heads of bert, fine-tuned for this study, in 55 documents (2 classes)."
    assert sentences.preview(tuned) == of_tuned
    assert sentences.preview(loaded) == of_tuned.replace(", fine-tuned for this study,", "")
    imported = study_view(imported=True, n_layers=1, n_heads=4)
    assert (
        sentences.preview(imported) == "Self-attention of 4 vectors in 55 documents (2 classes), imported from a file."
    )
    assert sentences.preview(study_view(task="regression", label_names=[])).endswith("in 55 documents.")


def test_previews_are_alike_on_every_page_but_those_of_documents(site: Path) -> None:
    for page in site.rglob("*.html"):
        content = page.read_text(encoding="utf-8")
        if page.parent.name == "documents":
            assert not META.findall(content)
            continue
        found = dict(META.findall(content))
        assert found["title"] == re.findall("<title>(.*)</title>", content)[0]
        assert found["type"] == "website"
        assert (page.parent / re.findall('rel="icon" href="([^"]*)"', content)[0]).is_file()
        assert found["description"].startswith("Self-attention of the 6 heads of synthetic/bert")


def test_every_page_of_a_share_safe_study_says_first_that_words_are_redacted(
    inputs: SiteInputs, site: Path, tmp_path: Path
) -> None:
    study = site_settings().study.model_copy(update={"redaction": RedactionSettings(mode="shape")})
    write_site(RenderSite(study=study), replace(inputs, maps=None, model_maps={}), tmp_path / "site")

    for page in (tmp_path / "site").rglob("*.html"):
        text = words(page)
        assert 0 < text.index("Words are redacted: shapes replace them") < 500
    assert not [page for page in site.rglob("*.html") if "Words are redacted" in words(page)]
    assert sentences.redacted_words(study_view()) == ""


def test_a_sample_is_said_with_what_it_costs() -> None:
    large = replace(study_view(n_documents=1_000_000), n_sampled=50_000)

    said = sentences.sampled(large)
    assert "a random sample of 50,000 of the 1,000,000 documents" in said
    assert "about 4.5 times as wide" in said
    assert "models" not in said
    assert ", and comparisons of models, are computed" in sentences.sampled(replace(large, has_models=True))
    assert sentences.sampled(study_view(n_documents=1_000_000)) == ""


def test_pages_of_a_sampled_study_say_so(inputs: SiteInputs, site: Path, tmp_path: Path) -> None:
    path, schema = inputs.terms.class_heads, term_schemas.CLASS_HEADS
    changed = tmp_path / path.name
    facts = files.read_facts(path, schema)
    with files.TableWriter(changed, schema, facts | {"n_sampled": 6}) as writer:
        writer.write_table(files.read_table(path, schema))
    write_site(site_settings(), replace(inputs, terms=replace(inputs.terms, class_heads=changed)), tmp_path / "site")

    for page in (tmp_path / "site").rglob("*.html"):
        is_of_document = page.parent.name == "documents"
        assert (f"a random sample of 6 of the {facts['n_analysed']} documents" in words(page)) != is_of_document, page
    assert not [page for page in site.rglob("*.html") if "are computed from a random sample" in words(page)]
