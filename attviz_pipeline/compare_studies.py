"""Compare the models of finished studies of the same documents: a site of the first, with the page Models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from attviz_pipeline.analysis.terms.corpus import Sample
from attviz_pipeline.artifacts import files, model_schemas, output_schemas, statistics_schemas
from attviz_pipeline.artifacts.layout import MeasurePaths, ModelsPaths
from attviz_pipeline.artifacts.schema import GOLD_NAMES
from attviz_pipeline.config.reading import parse_study
from attviz_pipeline.config.settings import ComparedModel
from attviz_pipeline.config.study import Study
from attviz_pipeline.errors import ArtifactError, ConfigError, Problem
from attviz_pipeline.figures.draw_figures import draw_figures
from attviz_pipeline.formats import clip, plural
from attviz_pipeline.models_compared.compare_models import write_comparison, write_evidence
from attviz_pipeline.models_compared.model import OWN, Model
from attviz_pipeline.report import links
from attviz_pipeline.report.render_site import site_inputs, write_site
from attviz_pipeline.run_stage import files_of
from attviz_pipeline.running import Call, calls_of
from attviz_pipeline.stages import STAGES, CompareModels, DrawFigures, RenderSite, slice_for
from attviz_pipeline.tasks.registry import task_of

WRITTEN = {"site", "study", "figures", "models"}
"""Arguments of the stages that are written here, and not taken from the first study."""


def compare_studies(folders: Sequence[Path], site: Path) -> None:
    """Compare the model of the first study with those of the others, and render the first study's site with it.

    No folder of a study is changed. Heads are compared with models of the same layers, heads, tokens and terms.

    Args:
        folders: Results of finished studies, at least two.
        site: Folder to write; one that this function wrote is replaced.

    Raises:
        ConfigError: The studies cannot be compared, or the site cannot be written there; every reason is listed.
        ArtifactError: A file of a study is damaged.
    """
    studies = _read_comparable(folders, site)
    names = _names(studies)
    own, others = studies[0], dict(zip(names[1:], studies[1:], strict=True))
    # It must not begin like the names of the site's own temporary folders.
    with files.scratch_directory(site.with_name(f"comparison-for-{site.name}")) as scratch:
        models = ModelsPaths.below(scratch / "models")
        _compare(own, others, models)
        tables = list(vars(models).values())
        figures = scratch / "figures"
        draw_figures(slice_for(own.settings, DrawFigures), figures=figures, models=tables, **own.places("draw_figures"))
        places = own.places("render_site")
        places.pop("results")  # the other models that the study itself compares, which this site does not show
        inputs = site_inputs(figures=figures, models=tables, **places)
        provenance = inputs.provenance | {"compared studies": ", ".join(others)}
        inputs = replace(inputs, compared_studies=list(others), provenance=provenance)
        write_site(slice_for(own.settings, RenderSite), inputs, site)


@dataclass(frozen=True)
class _Finished:
    """A finished study.

    Attributes:
        folder: Its results.
        settings: Its configuration.
        calls: The runs of stages that made it.
    """

    folder: Path
    settings: Study
    calls: list[Call]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the configuration that the results record, and find all that a comparison needs.

        Raises:
            ArtifactError: There is no finished study.
            ConfigError: Another version of the program made it.
        """
        recorded = folder / "study.json"
        settings = parse_study(files.read_json(recorded, output_schemas.STUDY)["settings"], str(recorded))
        study = cls(folder, settings, list(calls_of(settings, folder)))
        needed = chain(
            files_of(
                [one for one in STAGES["render_site"].reads if one.name not in WRITTEN], study.places("render_site")
            ),
            (one.document_heads for one in study.measures),
        )
        missing = [path for path in needed if not path.exists()]
        if missing:
            raise ArtifactError(f"{missing[0]} does not exist")
        return study

    def places(self, stage: str) -> dict[str, Any]:
        """Return the arguments of a stage that runs once, without those that are written here."""
        call = next(call for call in self.calls if call.stage.name == stage)
        return {name: place for name, place in call.places.items() if name not in WRITTEN}

    @property
    def measures(self) -> list[MeasurePaths]:
        """Artifacts of `measure_shard` of its own model, all shards."""
        calls = [call for call in self.calls if call.stage.name == "measure_shard" and not call.model]
        return [MeasurePaths.of(Path(str(call.places["measures"]))) for call in calls]

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of its scores, which have its task and classes."""
        return files.read_json(self.folder / "model" / "metrics.json", model_schemas.METRICS)

    @property
    def index(self) -> pa.Table:
        """Its documents, by position."""
        path = self.folder / "statistics" / "document_index.parquet"
        return files.read_table(path, statistics_schemas.DOCUMENT_INDEX, ["id", "split", *GOLD_NAMES, "text"])

    @property
    def keeps_texts(self) -> bool:
        """Whether the texts of its documents are those of the corpus, to the character."""
        card = files.read_json(self.folder / "model" / "model.json", model_schemas.MODEL)
        return bool(card["offsets"]) and self.settings.redaction.mode == "none"

    def read_model(self, name: str, made: ComparedModel, sample: Sample) -> Model:
        """Read what is compared of its model."""
        return Model.read(name, made, self.folder, self.measures, sample)


def _read_comparable(folders: Sequence[Path], site: Path) -> list[_Finished]:
    problems = [*_problems_of_folders(folders), *_problems_of_site(folders, site)]
    studies = []
    for folder in dict.fromkeys(folders):
        try:
            studies.append(_Finished.read(folder))
        except (ArtifactError, ConfigError) as fault:
            problems.append(Problem(str(folder), f"is no finished study: {fault.summary.rstrip('.')}"))
    for other in studies[1:]:
        problems += [Problem(str(other.folder), what) for what in _differences(studies[0], other)]
    if problems:
        raise ConfigError(
            "these studies cannot be compared:",
            problems,
            "Give folders results/NAME in which the workflow ended, of studies of the same documents, and a new folder "
            "as --site.",
        )
    return studies


def _problems_of_folders(folders: Sequence[Path]) -> Iterator[Problem]:
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        twice = {str(folder) for folder, place in zip(folders, resolved, strict=True) if resolved.count(place) > 1}
        yield from (Problem(folder, "is given more than once") for folder in sorted(twice))
    elif len(folders) < 2:
        yield Problem(str(folders[0]), "is the only study: give at least two")


def _problems_of_site(folders: Sequence[Path], site: Path) -> Iterator[Problem]:
    if any(site.resolve().is_relative_to(folder.resolve()) for folder in folders):
        yield Problem(str(site), "is in a folder of a study, which is left as it is")
    elif site.exists() and not _is_ours(site):
        yield Problem(str(site), "exists, and is no site that compare-studies wrote")


def _is_ours(site: Path) -> bool:
    try:
        return bool(files.read_json(site / links.RUN, output_schemas.RUN).get("compared_studies"))
    except (ArtifactError, OSError):
        return False


def _differences(own: _Finished, other: _Finished) -> Iterator[str]:
    """Say what keeps another study from being compared with the first."""
    yield from _differences_of_kind(own, other)
    mine, theirs = own.facts, other.facts
    if mine["task"] != theirs["task"]:
        yield f"has the task {theirs['task']}, {own.folder} has {mine['task']}"
    elif mine["label_names"] != theirs["label_names"]:
        names = clip(", ".join(theirs["label_names"]), 80), clip(", ".join(mine["label_names"]), 80)
        yield f"has the {task_of(mine).nouns} {names[0]}; {own.folder} has {names[1]}"
    else:
        yield from _differences_of_documents(own, other)


def _differences_of_kind(own: _Finished, other: _Finished) -> Iterator[str]:
    modes = [one.settings.redaction.mode != "none" for one in (own, other)]
    if modes[0] != modes[1]:
        yield "is share-safe, and the first study is not" if modes[1] else "is not share-safe, but the first study is"
    for one in (own, other):
        if one.settings.imported:
            yield f"has nothing to compare, because {one.folder} imports its attention and has no model"


def _differences_of_documents(own: _Finished, other: _Finished) -> Iterator[str]:
    mine, theirs = own.index, other.index
    only = [
        len(set(one["id"].to_pylist()) - set(two["id"].to_pylist())) for one, two in ((theirs, mine), (mine, theirs))
    ]
    if any(only):
        yield f"has other documents: {plural(only[0], 'id')} only there, {plural(only[1], 'id')} only in {own.folder}"
        return
    compared = {
        "in another place or split": ["id", "split"],
        "with another gold value": GOLD_NAMES,
        "with another text": ["text"] if own.keeps_texts and other.keeps_texts else [],
    }
    for what, names in compared.items():
        n_differing = sum(one != two for one, two in zip(_rows(mine, names), _rows(theirs, names), strict=True))
        if n_differing:
            hint = ": give both the same seed, dataset and documents" if "split" in names else ""
            yield f"has {plural(n_differing, 'document')} {what}{hint}"


def _rows(table: pa.Table, names: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    return rows


def _names(studies: Sequence[_Finished]) -> list[str]:
    """Name the studies; one that has the name of an earlier one gets a number."""
    found: list[str] = [OWN]
    for study in studies:
        name, number = study.settings.name, 1
        while name in found:
            number += 1
            name = f"{study.settings.name}-{number}"
        found.append(name)
    return found[1:]


def _compare(own: _Finished, others: dict[str, _Finished], comparison: ModelsPaths) -> None:
    made = {
        name: ComparedModel(kind="other", seed=one.settings.seed, model=one.settings.model)
        for name, one in others.items()
    }
    seed = own.settings.seed
    inference = own.settings.inference
    # The seed of the first study for all of them, because a sample must be of the same documents.
    sample = Sample(seed, inference.max_documents)
    first = own.read_model(OWN, ComparedModel(kind=OWN, seed=seed), sample)
    read = [one.read_model(name, made[name], sample) for name, one in others.items()]
    for model in read:
        first.require_comparable(model, others[model.name].folder)
    settings = CompareModels(
        seed=seed, inference=inference, compared=made, with_evidence=[], assessment=own.settings.assessment
    )
    write_comparison(settings, first, read, {}, comparison)
    write_evidence(settings, [], comparison)
