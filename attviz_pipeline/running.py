"""Run the stages of a study in this process, one after the other, as the workflow runs them, without Snakemake."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from attviz_pipeline.config.settings import OWN_MODEL
from attviz_pipeline.config.study import Study
from attviz_pipeline.faults import explained
from attviz_pipeline.machine import require_machine
from attviz_pipeline.run_stage import run_stage
from attviz_pipeline.shards import shard_names
from attviz_pipeline.stages import LACKING_WITHOUT_MODEL, STAGES, Argument, Stage, folder_of, models_of, slice_for

ON_REQUEST = {"export_attention", "publish"}
WITH_WORDS = {"select_maps", "extract_maps"}
"""Stages that do not run in share-safe mode."""


@dataclass(frozen=True)
class Call:
    """One run of a stage: for all shards, or for one.

    Args:
        stage: The stage.
        places: The path of each of its arguments by name, or the list of its paths.
        model: Name of the compared model for which it runs; by default the study's own.
    """

    stage: Stage
    places: Mapping[str, Path | list[Path]]
    model: str = OWN_MODEL

    def run(self, study: Study, results: Path) -> None:
        """Call the function of the stage."""
        wanted = self.stage.settings
        settings = None if wanted is None else slice_for(study, wanted, self.model, results)
        run_stage(self.stage, self.places, settings, is_compared=self.model != OWN_MODEL)


def run_study(study: Study, results: Path, site: Path | None = None, *, progress: bool = False) -> None:
    """Run all stages that lead to the site of a study.

    Args:
        study: The configuration.
        results: Folder of the results; files of an earlier run are replaced.
        site: Folder of the site; `site` below the results if it is None.
        progress: Show on stderr which stage runs.

    Raises:
        AttvizError: As the stages, or the machine lacks memory, disk, packages, or what the settings ask for.
    """
    calls = list(calls_of(study, results, site))
    with explained(), tqdm(calls, file=sys.stderr, disable=not progress, unit="stage", leave=False) as bar:
        require_machine(study)
        for call in bar:
            bar.set_description(call.stage.command)
            call.run(study, results)


def calls_of(study: Study, results: Path, site: Path | None = None) -> Iterator[Call]:
    """Yield the calls that lead to the site of a study, in an order in which they can run.

    Args:
        study: The configuration.
        results: Folder of the results.
        site: Folder of the site; `site` below the results if it is None.
    """
    stages = list(_stages_of(study))
    written = {place for stage in stages for one in stage.writes for place in _places_written(one)}
    for stage in stages:
        given = [one for one in stage.arguments if not one.optional or written.issuperset(one.places)]
        for model in models_of(stage, study):
            for shards in _rounds(stage, shard_names(study.documents.n_shards)):
                places = {one.name: _paths(one, shards, study, results, model) for one in given}
                if site is not None and "site" in places:
                    places["site"] = site
                yield Call(stage, places, model)


def _stages_of(study: Study) -> Iterator[Stage]:
    for name, stage in STAGES.items():
        needs_model = stage.settings in LACKING_WITHOUT_MODEL
        left_out = (
            name in ON_REQUEST
            or (needs_model if study.imported else name == "import_attention")
            or (stage.part == "evidence" and not study.evidence.enabled)
            or (stage.part == "models_compared" and not study.compared)
            or name in ({"redact_attention"} if study.redaction.mode == "none" else WITH_WORDS)
        )
        if not left_out:
            yield stage


def _places_written(one: Argument) -> Iterator[str]:
    for place in one.places:
        yield from [place] if one.group is None else map(str, vars(one.group(Path(place))).values())


def _rounds(stage: Stage, shards: list[str]) -> list[list[str]]:
    """Return the shards of each call of a stage: one, or all in one call."""
    by_shard = any("{shard}" in place for one in stage.arguments if not one.many for place in one.places)
    return [[shard] for shard in shards] if by_shard else [shards]


def _paths(one: Argument, shards: list[str], study: Study, results: Path, model: str) -> Path | list[Path]:
    redacted = study.redaction.mode != "none"
    folders = {
        "shown": "redacted" if redacted else "attention",
        "exported": "redacted_export" if redacted else "export",
        "of": folder_of(model),
    }
    if one.places == ("{each}",):
        return [results / folder_of(each) for each in (OWN_MODEL, *study.compared)]
    names = shards if one.many else shards[:1]
    paths = [results / place.format(shard=shard, **folders) for shard in names for place in one.places]
    return paths if one.many or one.optional else paths[0]
