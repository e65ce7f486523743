"""What pages say of the token-to-token maps of other models."""

from dataclasses import replace
from typing import Any

from attviz_pipeline.report.model_maps import ModelMaps
from attviz_pipeline.report.sentences import document as sentences
from attviz_pipeline.report.sentences.models import the_models
from attviz_pipeline.report.views.document import DocumentView
from attviz_pipeline.report.views.models import ModelResults, ModelView
from attviz_pipeline.report.views.study import StudyView


def shared_payload(maps: ModelMaps, results: ModelResults | None, *, lite: bool) -> dict[str, Any]:
    """Name the models for the pages of documents: the own one first, then those with maps; most pages have none.

    Documents with maps have pages with every head, so that those with means of layers need no names.

    Returns:
        Name, title and phrase of each model, and the numbers of those with maps on most pages: none.
    """
    if results is None or lite or not maps.names:
        return {"mapModels": []}
    models = [results.models[0], *_models(maps, results)]
    return {
        "models": [{"name": one.name, "title": one.title, "where": one.where} for one in models],
        "mapModels": [],
    }


def with_model_maps(
    view: DocumentView, maps: ModelMaps, results: ModelResults | None, study: StudyView
) -> DocumentView:
    """Add to the page of a document which other models it has maps of, and which are left out."""
    shown, left_out = maps.shown.get(view.position), maps.left_out.get(view.position)
    if results is None or not (shown or left_out):
        return view
    models = _models(maps, results)
    without = the_models([models[number - 1] for number in left_out]) if left_out else None
    payload = view.payload | ({"mapModels": shown} if shown else {})
    return replace(view, payload=payload, maps_left_out=sentences.maps_left_out(without, study) if without else None)


def _models(maps: ModelMaps, results: ModelResults) -> list[ModelView]:
    by_name = {one.name: one for one in results.models}
    return [by_name[name] for name in maps.names]
