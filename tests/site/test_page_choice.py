"""Which documents have a page where not all fit: those asked for, mistakes, uncertain ones, a sample."""

import logging
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_views import study_view
from task_studies import TASKS

from attviz_pipeline.artifacts import files, statistics_schemas
from attviz_pipeline.config.settings import TaskName
from attviz_pipeline.errors import ConfigError
from attviz_pipeline.report import tiers as module
from attviz_pipeline.report.page_sizes import heads_of, page_bytes, read_sizes, smallest_site
from attviz_pipeline.report.tiers import Tiers, choose_tiers
from attviz_pipeline.report.views.study import StudyView
from attviz_pipeline.strata import in_order_of_ranks, in_turn, round_robin, seeded_rank

N_DOCUMENTS = 400
N_WRONG = 200
ASKED = (17, 301)


def write_index(folder: Path, task: TaskName = "single_label") -> Path:
    """An index of documents of equal length: every second prediction is wrong, and later ones are less certain."""
    path = folder / "document_index.parquet"
    numbers = np.arange(N_DOCUMENTS)
    certain = 0.95 - 0.5 * numbers / N_DOCUMENTS
    ids = [f"d-{n}" for n in numbers]
    columns: dict[str, Any] = {
        "position": numbers, "id": ids, "source_id": ids, "split": ["test"] * N_DOCUMENTS,
        "n_tokens": np.full(N_DOCUMENTS, 40), "n_windows": np.ones(N_DOCUMENTS, int),
        "truncated": np.zeros(N_DOCUMENTS, bool), "mean": certain, "text": ["some words " * 15] * N_DOCUMENTS,
        "probabilities": [[p, (1 - p) / 2, (1 - p) / 2] for p in certain],
    }  # fmt: skip
    if task == "single_label":
        columns |= {"label": numbers % 2, "prediction": np.zeros(N_DOCUMENTS, int)}
    elif task == "multi_label":
        columns |= {"labels": [[n % 2] for n in numbers], "predictions": [[0]] * N_DOCUMENTS}
        columns["probabilities"] = [[p, 1 - p, 0.1, 0.1] for p in certain]
    else:
        columns |= {"value": numbers.astype(float), "predicted_value": np.zeros(N_DOCUMENTS)}
        columns["probabilities"] = [[]] * N_DOCUMENTS
    with files.TableWriter(path, statistics_schemas.DOCUMENT_INDEX, TASKS[task].facts) as writer:
        for first in range(0, N_DOCUMENTS, 150):
            rows = slice(first, first + 150)
            writer.write({name: columns[name][rows] for name in columns} | empty(columns, rows))
    return path


def empty(columns: dict[str, Any], rows: slice) -> dict[str, Any]:
    n = len(range(N_DOCUMENTS)[rows])
    return {name: [None] * n for name in statistics_schemas.DOCUMENT_INDEX.arrow.names if name not in columns}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(tmp_path_factory.mktemp("index"))


def study_of(megabytes: float, task: TaskName = "single_label") -> StudyView:
    names = list(TASKS[task].label_names)
    counts = {"n_documents": N_DOCUMENTS, "n_labelled": N_DOCUMENTS, "task": task, "label_names": names}
    return study_view(settings={"site": {"max_megabytes": megabytes}}, **counts)


def least(index: Path, study: StudyView) -> float:
    """Megabytes of a site with the smaller page of every document."""
    return smallest_site(read_sizes(index), study) / 1e6


def room_for(index: Path, n_pages: int, task: TaskName = "single_label") -> float:
    """Megabytes of a site that has room for so many pages, and for the search of the others."""
    study, sizes = study_of(900, task), read_sizes(index)
    searched = float(sizes.others.sum())
    return (smallest_site(sizes.of(np.arange(n_pages)), study) + searched) / 1e6


def chosen(index: Path, megabytes: float, asked: Collection[int] = ASKED, task: TaskName = "single_label") -> Tiers:
    return choose_tiers(index, study_of(megabytes, task), 0, asked, asked)


def pages_of(tiers: Tiers) -> np.ndarray:
    assert tiers.with_page is not None
    return tiers.with_page


def test_where_all_pages_fit_all_documents_have_one_and_the_heads_are_chosen_as_ever(index: Path) -> None:
    megabytes = least(index, study_of(900)) + 0.01
    tiers = chosen(index, megabytes, ())
    assert tiers.with_page is None
    assert (tiers.n_pages, len(tiers.others)) == (N_DOCUMENTS, 0)
    extra = heads_of(read_sizes(index), study_of(900))[0]
    n_heads = int(0.01e6 // extra)
    # The worst mistakes: gold class 1, which has the less probability the more certain the model is.
    assert tiers.full == set(range(1, N_DOCUMENTS, 2)[:n_heads])


def test_the_budget_is_kept_and_used(index: Path) -> None:
    for n_pages in (30, 100, 300):
        megabytes = room_for(index, n_pages)
        tiers = chosen(index, megabytes)
        study, sizes, pages = study_of(900), read_sizes(index), pages_of(tiers)
        asked = np.searchsorted(pages, ASKED)
        taken = smallest_site(sizes.of(pages), study, asked, asked) + float(sizes.others[tiers.others].sum())
        taken += float(heads_of(sizes, study)[sorted(tiers.full - {*ASKED})].sum())
        assert taken <= megabytes * 1e6
        assert megabytes * 1e6 - taken < 2 * page_bytes(sizes, study)[0] + heads_of(sizes, study)[0]
        assert set(ASKED) <= set(pages.tolist())
        assert set(ASKED) <= tiers.full <= set(pages.tolist())
        assert pages.tolist() == sorted(set(pages.tolist()))


def test_mistakes_have_half_the_uncertain_a_third_of_the_rest_and_then_a_sample(index: Path) -> None:
    pages = pages_of(chosen(index, room_for(index, 100), ()))
    n = len(pages)
    wrong, right = pages[pages % 2 == 1], pages[pages % 2 == 0]
    # The sample takes turns over the classes, so that it has as many of either.
    worst = set(range(1, N_DOCUMENTS, 2)[: n // 2 - 1])
    assert worst <= set(wrong.tolist())
    uncertain = set(range(N_DOCUMENTS - 2, 0, -2)[: n // 6 - 1])
    assert uncertain <= set(right.tolist())
    sampled = n - len(worst) - len(uncertain)
    assert abs(len(right) - len(uncertain) - sampled / 2) < 6


def test_the_choice_depends_on_the_seed_alone(index: Path) -> None:
    megabytes = room_for(index, 60)
    first, second = chosen(index, megabytes), chosen(index, megabytes)
    assert pages_of(first).tolist() == pages_of(second).tolist()
    assert first.others.tolist() == second.others.tolist()
    settings = {"site": {"max_megabytes": megabytes}, "seed": 5}
    other = choose_tiers(index, study_view(settings=settings, n_documents=N_DOCUMENTS), 0, ASKED, ASKED)
    assert pages_of(other).tolist() != pages_of(first).tolist()


def test_more_pages_than_the_index_can_take_are_not_made(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 50)
    tiers = chosen(index, 900)
    pages = pages_of(tiers)
    assert len(pages) == 50
    assert tiers.full == set(pages.tolist())
    assert len(tiers.others) == N_DOCUMENTS - 50
    # Two are asked for, half of the others are mistakes.
    assert {n for n in range(1, 51, 2) if n not in ASKED} <= set(pages.tolist())


def test_those_asked_for_have_a_page_beyond_the_most(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAGES", 3)
    asked = range(0, 20, 4)
    assert pages_of(chosen(index, 900, asked)).tolist() == list(asked)


def test_others_are_searched_as_far_as_there_is_room(index: Path) -> None:
    whole = chosen(index, room_for(index, 200))
    assert set(whole.others.tolist()) == set(range(N_DOCUMENTS)) - set(pages_of(whole).tolist())
    few = chosen(index, smallest_site(read_sizes(index).of([0, 1, 2, 3]), study_of(900)) / 1e6, ())
    assert 0 < len(few.others) < N_DOCUMENTS - few.n_pages
    assert not set(few.others.tolist()) & set(pages_of(few).tolist())
    assert few.others.tolist() == sorted(few.others.tolist())


def test_what_is_asked_for_and_does_not_fit_is_refused_with_the_least_that_would_do(index: Path) -> None:
    asked = range(100)
    with pytest.raises(ConfigError, match=r"pages for the documents with maps or evidence takes about") as fault:
        chosen(index, 10.85, asked)
    megabytes = float(str(fault.value).split("takes about ")[1].split(" MB")[0])
    assert set(asked) <= set(pages_of(chosen(index, megabytes + 0.06, asked)).tolist())
    with pytest.raises(ConfigError):
        chosen(index, megabytes - 0.06, asked)


@pytest.mark.parametrize("task", ["multi_label", "regression"])
def test_every_task_has_an_order(task: TaskName, tmp_path: Path) -> None:
    index = write_index(tmp_path, task)
    pages = pages_of(chosen(index, room_for(index, 100, task), (), task))
    assert 80 < len(pages) < 120
    if task == "regression":
        assert set(range(N_DOCUMENTS - 25, N_DOCUMENTS)) <= set(pages.tolist())
    else:
        assert set(range(1, 81, 2)) <= set(pages.tolist())


def test_without_gold_values_the_uncertain_and_a_sample_have_pages(index: Path, tmp_path: Path) -> None:
    table = files.read_table(index, statistics_schemas.DOCUMENT_INDEX)
    columns = {name: table[name].to_pylist() for name in table.column_names} | {"label": [None] * N_DOCUMENTS}
    path = tmp_path / "document_index.parquet"
    files.write_table(path, statistics_schemas.DOCUMENT_INDEX, columns, TASKS["single_label"].facts)
    pages = pages_of(chosen(path, room_for(index, 100), ()))
    assert set(range(N_DOCUMENTS - 30, N_DOCUMENTS)) <= set(pages.tolist())


@pytest.mark.parametrize("n_strata", [1, 3, 400])
def test_the_turns_of_strata_are_those_of_small_samples(n_strata: int) -> None:
    random = np.random.default_rng(3)
    strata = random.integers(-3, n_strata, 400)
    ranks = [seeded_rank(13, f"d-{n}".encode()) for n in range(400)]
    shuffled = in_order_of_ranks(b"".join(ranks))
    assert shuffled.tolist() == sorted(range(400), key=lambda row: ranks[row])
    assert in_turn(strata, shuffled).tolist() == round_robin(range(400), strata.tolist(), ranks)


def test_documents_that_are_too_large_are_passed_over() -> None:
    sizes, order = np.array([5.0, 100, 3, 4, 2, 50, 1]), np.arange(7)
    assert module._fitting(order, sizes, 12.5).tolist() == [0, 2, 3]
    assert module._fitting(order, sizes, 11).tolist() == [0, 2, 4, 6]
    assert module._fitting(order, sizes, 11, most=2).tolist() == [0, 2]
    assert module._fitting(order, sizes, 0.5).tolist() == []


def test_a_site_that_loses_pages_says_so(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        tiers = chosen(index, room_for(index, 60))
    assert f"{tiers.n_pages} of {N_DOCUMENTS} documents have a page: site.max_megabytes is" in caplog.text


def test_a_study_knows_the_places_of_its_pages() -> None:
    whole = study_view()
    part = replace(whole, with_page=np.array([3, 8, 40]))
    assert (whole.n_with_page, whole.shows_all, part.n_with_page, part.shows_all) == (55, True, 3, False)
    assert [part.place_of(position) for position in (3, 4, 40, 41)] == [0, None, 2, None]
    assert [part.page_at(place) for place in (-1, 0, 2, 3)] == [None, 3, 40, None]
    assert [whole.page_at(place) for place in (-1, 0, 54, 55)] == [None, 0, 54, None]
    assert part.document_page(8) == "documents/000008.html" == whole.document_page(8)
    assert part.document_page(9) is None


MILLION = """
import resource, sys, time
from pathlib import Path
from study_views import study_view
from attviz_pipeline.report.tiers import choose_tiers

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

study = study_view(n_documents=1_000_000, n_labelled=1_000_000)
before, start = peak(), time.process_time()
tiers = choose_tiers(Path(sys.argv[1]), study, 2_000_000, range(100), range(500))
print(tiers.n_pages, len(tiers.others), time.process_time() - start, peak() - before)
"""


@pytest.mark.slow
def test_the_choice_among_a_million_documents_takes_little_time_and_memory(tmp_path: Path) -> None:
    random, size = np.random.default_rng(1), 10_000
    texts = np.array([f"{'some words ' * n}end" for n in range(2, 20)])
    path = tmp_path / "document_index.parquet"
    with files.TableWriter(path, statistics_schemas.DOCUMENT_INDEX, TASKS["single_label"].facts) as writer:
        for first in range(0, 1_000_000, size):
            numbers, certain = np.arange(first, first + size), random.random(size)
            ids = [f"tweet-{n}" for n in numbers]
            columns = {
                "position": numbers, "id": ids, "source_id": ids, "split": ["test"] * size,
                "label": random.integers(0, 2, size), "prediction": random.integers(0, 2, size),
                "probabilities": np.stack([certain, 1 - certain], axis=1).tolist(),
                "n_tokens": random.integers(8, 60, size), "n_windows": np.ones(size, int),
                "truncated": np.zeros(size, bool), "mean": certain,
                "text": texts[random.integers(0, 18, size)].tolist(),
            }  # fmt: skip
            names = set(statistics_schemas.DOCUMENT_INDEX.arrow.names) - set(columns)
            writer.write(columns | {name: [None] * size for name in names})
    support = Path(__file__).parents[1] / "support"
    code = [sys.executable, "-c", MILLION, str(path)]
    paths = os.pathsep.join([str(support), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(code, env={**os.environ, "PYTHONPATH": paths}, check=True, capture_output=True, text=True)
    n_pages, n_others, seconds, megabytes = map(float, run.stdout.split())
    assert (n_pages, n_others) == (100_000, 900_000)
    assert seconds < 60  # 8 on an idle core; a choice that compared documents with each other would take hours
    assert megabytes < 600
