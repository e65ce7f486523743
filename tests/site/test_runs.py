"""The index of several sites: what each study is of."""

import pytest

from attviz_pipeline.report.runs import render_runs

FACTS = {"title": "News", "n_documents": 98, "n_layers": 1, "n_heads": 11}


@pytest.mark.parametrize(
    ("model", "shown", "hidden"),
    [
        ("some/bert", "<bdi>some/bert</bdi>, 1 layer of 11 heads", "vector"),
        ("", "11 vectors of imported attention", "head"),
    ],
    ids=["model", "imported"],
)
def test_heads_of_a_model_and_vectors_of_a_file_have_their_names(model: str, shown: str, hidden: str) -> None:
    page = render_runs({"news": FACTS | {"model": model}})["index.html"].partition("<main")[2]

    assert f"98 documents · {shown}" in page
    assert hidden not in page
