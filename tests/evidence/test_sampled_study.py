"""The sample of a compared model is that of the study's own; what it predicts there is its own."""

from pathlib import Path
from typing import Any

import pytest
from evidence_study import EVIDENCE_TEXTS, EvidenceStudy

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.config.settings import EvidenceSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.evidence.sampled_study import SampledStudy
from attviz_pipeline.stages import ComputeGradients

N_SAMPLE = 4


def changed(study: EvidenceStudy, name: str, **columns: list[Any]) -> Path:
    """Write the index of a study with other columns."""
    index = files.read_table(study.index, statistics_schemas.DOCUMENT_INDEX).to_pydict() | columns
    facts = files.read_facts(study.index, statistics_schemas.DOCUMENT_INDEX)
    path = study.folder / name
    files.write_table(path, statistics_schemas.DOCUMENT_INDEX, index, facts)
    return path


def sampled(study: EvidenceStudy, own_index: Path, index: Path) -> SampledStudy:
    evidence = EvidenceSettings(max_documents=N_SAMPLE)
    settings = ComputeGradients(seed=13, attention=study.settings, evidence=evidence)
    return SampledStudy(settings, own_index, index, study.shards, study.checkpoint, study.card)


def positions(sample: SampledStudy) -> list[int]:
    return [document.row["position"] for document in sample.documents()]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> EvidenceStudy:
    return EvidenceStudy(tmp_path_factory.mktemp("sampled"))


def test_lengths_in_another_tokenizer_draw_no_other_documents(study: EvidenceStudy) -> None:
    # To the study's own tokenizer, other texts are short and long.
    lengths = files.read_table(study.index, statistics_schemas.DOCUMENT_INDEX, ["n_tokens"])["n_tokens"].to_pylist()
    own = changed(study, "own.parquet", n_tokens=lengths[1:] + lengths[:1])

    sample = sampled(study, own, study.index)

    assert len(positions(sample)) == N_SAMPLE
    assert positions(sample) == sample.sample["position"].to_pylist()
    assert positions(sample) != positions(sampled(study, study.index, study.index))
    # The texts are encoded as this model reads them.
    assert [len(one.encoded.tokens) for one in sample.documents()] == [lengths[place] for place in positions(sample)]


def test_the_predictions_are_those_of_the_model(study: EvidenceStudy) -> None:
    predictions = [place % 2 for place in range(len(EVIDENCE_TEXTS))]
    index = changed(study, "other.parquet", prediction=predictions)

    documents = list(sampled(study, study.index, index).documents())

    assert [one.predicted for one in documents] == [predictions[one.row["position"]] for one in documents]


def test_an_index_of_other_documents_is_refused(study: EvidenceStudy) -> None:
    ids = [f"other-{place}" for place in range(len(EVIDENCE_TEXTS))]
    own = changed(study, "strangers.parquet", id=ids)

    with pytest.raises(ArtifactError, match="of this model and of the study's own hold different documents"):
        positions(sampled(study, own, study.index))
