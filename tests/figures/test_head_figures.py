"""Figures of the likeness between heads: what they draw and say is what the tables hold."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from synthetic_attention import write_attention_shards, write_ledger

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.analysis.heads.compare_heads import compare_heads
from attviz_pipeline.artifacts import comparison_schemas, files
from attviz_pipeline.artifacts.layout import ComparisonPaths, StatisticsPaths
from attviz_pipeline.config.settings import ComparisonSettings, FiguresSettings
from attviz_pipeline.errors import ArtifactError
from attviz_pipeline.figures.drawing import Drawing, Inputs
from attviz_pipeline.figures.fuji_curves import draw_fuji_curves
from attviz_pipeline.figures.head_likeness import draw_head_likeness
from attviz_pipeline.figures.head_map import draw_head_maps
from attviz_pipeline.figures.likeness import MEASURES, Likeness, groups_in_words, read_likeness
from attviz_pipeline.stages import CompareHeads, DrawFigures

SVG = "{http://www.w3.org/2000/svg}"


def make_inputs(folder: Path, *, n_layers: int = 2, n_heads: int = 3, **comparison: int) -> Inputs:
    """Compare the heads of an invented study."""
    (shard,) = write_attention_shards(folder, n_documents=12, n_shards=1, n_layers=n_layers, n_heads=n_heads)
    ledger = write_ledger(folder / "ledger.parquet", n_documents=12)
    aggregates, token_sums, head_sums = (folder / f"{name}.parquet" for name in ("aggregates", "tokens", "heads"))
    aggregate_shard(shard, aggregates, token_sums, head_sums)
    statistics, output = StatisticsPaths.below(folder / "statistics"), ComparisonPaths.below(folder / "statistics")
    aggregate_dataset([shard], [token_sums], [head_sums], ledger, statistics)
    chosen = ComparisonSettings.model_validate({"n_permutations": 39} | comparison)
    compare_heads(CompareHeads(seed=2, comparison=chosen), statistics.head_tokens, [shard], output)
    return Inputs.below(folder / "statistics", DrawFigures(seed=2, figures=FiguresSettings(dpi=60)))


def draw_all(inputs: Inputs) -> dict[str, Drawing]:
    drawings = [*draw_head_likeness(inputs), *draw_head_maps(inputs), *draw_fuji_curves(inputs)]
    return {drawing.name: drawing for drawing in drawings}


def texts_of(drawing: Drawing) -> list[str]:
    root = ET.fromstring(drawing.svg)  # noqa: S314 - just drawn
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def names_in_order(likeness: Likeness) -> list[str]:
    rows = sorted(likeness.heads.to_pylist(), key=lambda row: row["order"])
    return [f"L{row['layer']}·H{row['head']}" for row in rows]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return make_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def drawings(inputs: Inputs) -> dict[str, Drawing]:
    return draw_all(inputs)


class TestWords:
    def test_pairs_named_are_the_extremes_of_the_table(self, inputs: Inputs, drawings: dict[str, Drawing]) -> None:
        rows = files.read_table(inputs.comparison.head_pairs, comparison_schemas.HEAD_PAIRS).to_pylist()
        by_value = {
            measure.name: sorted((row for row in rows if row["measure"] == measure.name), key=lambda row: row["value"])
            for measure in MEASURES
        }

        def in_words(row: dict[str, Any]) -> str:
            names = [f"L{row[f'layer_{end}']}·H{row[f'head_{end}']}" for end in "ab"]
            return f"{' and '.join(names)} ({row['value']:.3f})"

        most, least = by_value["fuji"][-1], by_value["fuji"][0]
        assert (
            f"Most similar: {in_words(most)}; least similar: {in_words(least)}." in drawings["head_likeness-fuji"].alt
        )
        most, least = by_value["jensen_shannon"][0], by_value["jensen_shannon"][-1]
        expected = f"Most similar: {in_words(most)}; least similar: {in_words(least)}."
        assert expected in drawings["head_likeness-jensen_shannon"].alt
        assert expected in drawings["head_map-jensen_shannon"].alt

    def test_captions_say_what_was_compared(self, inputs: Inputs, drawings: dict[str, Drawing]) -> None:
        n_tokens = files.read_facts(inputs.comparison.head_pairs, comparison_schemas.HEAD_PAIRS)["n_tokens"]

        assert f"over {n_tokens} tokens that occur in at least 5" in drawings["head_likeness-fuji"].caption
        assert "over 12 documents" in drawings["head_map-jensen_shannon"].caption
        assert "39 permutations" in drawings["head_likeness-fuji"].caption
        assert "95 % of 39 permutations" in drawings["fuji_curves"].caption

    def test_share_of_pairs_beyond_chance_is_counted(self, inputs: Inputs) -> None:
        for likeness in read_likeness(inputs):
            n_pairs = likeness.pairs.num_rows
            q = [0.01] * 3 + [0.9] * (n_pairs - 3)
            changed = replace(likeness, pairs=likeness.pairs.drop_columns("q").append_column("q", [q]))
            assert changed.compared_with_chance.startswith(f"{3 / n_pairs * 100:.0f} % of the {n_pairs} pairs are more")

    def test_constant_heads_are_counted(self, inputs: Inputs) -> None:
        likeness = next(read_likeness(inputs))
        facts = {**likeness.facts, "constant_heads": [0, 4]}

        assert "heads treat all tokens" not in likeness.compared_with_chance
        assert "2 of 6 heads treat all tokens" in replace(likeness, facts=facts).compared_with_chance

    @pytest.mark.parametrize(
        ("clusters", "outcome", "silhouette", "words"),
        [
            ([0] * 6, "not_compared", 0.0, "Groups were not looked for"),
            ([0] * 6, "nothing_found", 0.2, "No groups beyond chance (mean silhouette of the best cut 0.20; clouds"),
            (
                [0, 0, 0, 1, 1, 1],
                "found",
                0.6,
                "2 groups, separated (mean silhouette 0.60; clouds without",
            ),
            ([0, 0, 1, 1, 1, 2], "found", 0.2, "3 groups, one of which is a single head, weakly separated"),
            ([0, 0, 1, 1, 2, 3], "found", 0.2, "4 groups, 2 of which are single heads, weakly separated"),
        ],
    )
    def test_groups(self, inputs: Inputs, clusters: list[int], outcome: str, silhouette: float, words: str) -> None:
        likeness = next(read_likeness(inputs))
        chance = None if outcome == "not_compared" else {"mean": 0.1, "quantile_95": 0.15}
        groups = {"outcome": outcome, "silhouette": silhouette, "silhouette_by_chance": chance}
        heads = likeness.heads.drop_columns("cluster").append_column("cluster", [np.array(clusters)])

        assert words in groups_in_words(replace(likeness, heads=heads, facts={"groups": groups}))


class TestPictures:
    def test_heads_are_named_in_the_order_of_the_dendrogram(self, inputs: Inputs, drawings: dict[str, Drawing]) -> None:
        for likeness in read_likeness(inputs):
            texts = texts_of(drawings[f"head_likeness-{likeness.measure.name}"])
            names = names_in_order(likeness)
            assert [text for text in texts if text in names] == names * 2
            assert {likeness.measure.axis, "layer", "no more similar"} <= set(texts)

    def test_many_heads_keep_their_layers_and_lose_their_names(self, tmp_path: Path) -> None:
        inputs = make_inputs(tmp_path, n_layers=4, n_heads=10)

        drawing = next(draw_head_likeness(inputs))

        assert not [text for text in texts_of(drawing) if text in names_in_order(next(read_likeness(inputs)))]
        assert {"0", "1", "2", "3"} <= set(texts_of(drawing))
        assert drawing.width == 3.5 * 60

    def test_map_names_heads_at_most_once(self, inputs: Inputs, drawings: dict[str, Drawing]) -> None:
        names = sorted(names_in_order(next(read_likeness(inputs))))

        named = sorted(text for text in texts_of(drawings["head_map-fuji"]) if "·" in text)

        assert named == names

    def test_numbers_beside_are_those_of_the_tables(
        self, inputs: Inputs, drawings: dict[str, Drawing], tmp_path: Path
    ) -> None:
        tables = {
            "head_likeness-fuji": (inputs.comparison.head_pairs, comparison_schemas.HEAD_PAIRS),
            "head_map-fuji": (inputs.comparison.head_clusters, comparison_schemas.HEAD_CLUSTERS),
            "fuji_curves": (inputs.comparison.fuji_curves, comparison_schemas.FUJI_CURVES),
        }
        for name, (path, schema) in tables.items():
            drawings[name].save(tmp_path, {})
            with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                written = list(csv.DictReader(file))
            rows = [row for row in files.read_table(path, schema).to_pylist() if row.get("measure", "fuji") == "fuji"]
            assert written == [{key: str(value) for key, value in row.items()} for row in rows]

    def test_drawn_twice_is_the_same(self, inputs: Inputs, drawings: dict[str, Drawing]) -> None:
        for name, again in draw_all(inputs).items():
            assert (again.svg, again.png) == (drawings[name].svg, drawings[name].png)


class TestNothingToShow:
    def test_one_head(self, tmp_path: Path) -> None:
        sentence = "The model has one head, so there are no pairs to compare."

        for drawing in draw_all(make_inputs(tmp_path, n_layers=1, n_heads=1)).values():
            assert " ".join(texts_of(drawing)) == sentence
            assert drawing.caption == drawing.alt == sentence

    def test_two_heads_are_one_pair(self, tmp_path: Path) -> None:
        drawings = draw_all(make_inputs(tmp_path, n_layers=1, n_heads=2))

        assert "most similar\nL0·H0 and L0·H1" in "\n".join(texts_of(drawings["fuji_curves"]))
        assert "least similar" not in "\n".join(texts_of(drawings["fuji_curves"]))
        assert "All heads are in one layer." in drawings["head_map-fuji"].alt

    def test_no_frequent_token(self, tmp_path: Path) -> None:
        drawings = draw_all(make_inputs(tmp_path, min_document_frequency=1000))

        for name in ("head_likeness-fuji", "head_map-fuji", "fuji_curves"):
            assert texts_of(drawings[name]) == ["No token occurs in at least 1000 documents."]
        assert "layer" in texts_of(drawings["head_map-jensen_shannon"])

    def test_missing_tables_name_their_stage(self, inputs: Inputs, tmp_path: Path) -> None:
        with pytest.raises(ArtifactError, match=r"head_pairs.parquet does not exist; stage `compare_heads` writes it"):
            draw_all(replace(inputs, comparison=ComparisonPaths.below(tmp_path)))
