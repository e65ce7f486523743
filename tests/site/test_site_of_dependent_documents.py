"""Where documents of one input row were permuted as independent, every page with such a q says that it is too small."""

from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page, words
from synthetic_site import site_settings

from attviz_pipeline.artifacts import files, term_schemas
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.sentences.parts import Q_TOO_SMALL


@pytest.fixture(scope="module")
def dependent(inputs: SiteInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, schema = tmp_path_factory.mktemp("dependent"), term_schemas.CLASS_HEADS
    table, facts = (
        files.read_table(inputs.terms.class_heads, schema),
        files.read_facts(inputs.terms.class_heads, schema),
    )
    changed = folder / "class_heads.parquet"
    files.write_table(
        changed, schema, table.to_pydict(), facts | {"permuted": dict.fromkeys(facts["permuted"], "documents")}
    )
    write_site(site_settings(), replace(inputs, terms=replace(inputs.terms, class_heads=changed)), folder / "site")
    return folder / "site"


def test_scripts_of_comparisons_and_of_tokens_know_it(dependent: Path, site: Path) -> None:
    for folder, there in ((dependent, True), (site, False)):
        rows = (folder / "assets" / "compare-classes-000.js").read_text(encoding="utf-8")
        assert f'"q_too_small":{str(there).lower()}' in rows
        assert '"nouns":["class","classes"]' in rows
        assert ("q_too_small" in (folder / links.TOKENS).read_text(encoding="utf-8")) == there


def test_effects_that_other_models_have_say_it(dependent: Path, site: Path) -> None:
    for folder, there in ((dependent, True), (site, False)):
        text = words(folder / links.head(0, 0))
        assert "Found again (same sign and q < 0.05" in text
        assert (f"Found again (same sign and q < 0.05; {Q_TOO_SMALL})" in text) == there
        assert (Q_TOO_SMALL in Page(folder / links.MODELS).text) == there
