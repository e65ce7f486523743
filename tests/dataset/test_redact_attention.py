"""Share-safe mode: no word of the corpus in any file of the site, and every number as it was."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from byte_level import make_byte_level_roberta
from drawn_figures import draw
from hypothesis import given
from hypothesis import strategies as st
from share_safe import KEY, SECRETS, leaks, readable
from site_statistics import compute_statistics
from slow_cases import rest_is_slow
from synthetic_attention import write_attention_shards
from synthetic_evidence import write_evidence
from synthetic_site import site_settings, write_site_inputs
from tiny_extraction import extract
from tokenizers.pre_tokenizers import ByteLevel

from attviz_pipeline.analysis.aggregate_dataset import aggregate_dataset
from attviz_pipeline.analysis.aggregate_shard import aggregate_shard
from attviz_pipeline.artifacts import attention_schemas, corpus_schemas, files, output_schemas, statistics_schemas
from attviz_pipeline.artifacts.layout import StatisticsPaths
from attviz_pipeline.config.reading import parse_settings
from attviz_pipeline.config.settings import RedactionSettings
from attviz_pipeline.dataset.classes import find_classes
from attviz_pipeline.errors import ArtifactError, ConfigError
from attviz_pipeline.redaction.forms import BYTE_OF, RARE, choose_form, shape, tag, unmarked
from attviz_pipeline.redaction.redact_attention import NAMES, PLACE_OF_PAIR, REWRITTEN, redact_attention
from attviz_pipeline.redaction.texts import UNREAD, redact_text
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.stages import RedactAttention, RenderSite

UNREADABLE = "Zwiebelturm"


def redaction(folder: Path, mode: str, **options: object) -> RedactAttention:
    key_file = folder / "study.key"
    folder.mkdir(exist_ok=True)
    key_file.write_bytes(KEY + b"\n")
    key = {"key_file": str(key_file)} if mode == "hash" else {}
    return RedactAttention.model_validate({"redaction": {"mode": mode, **key, **options}})


def secret_texts() -> list[str]:
    often = [secret for secret in SECRETS if "once" not in secret]
    texts = [f"the {' of '.join(often)} said, and 1999 was paid ! 😀 again {n}" for n in range(24)]
    return [f"{texts[0]} {SECRETS[5]}", *texts[1:]]


def redact(folder: Path, attention: list[Path], mode: str, **options: object) -> list[Path]:
    redacted = [folder / "redacted" / path.name for path in attention]
    redact_attention(redaction(folder, mode, **options), attention, redacted)
    return redacted


def rows(paths: list[Path]) -> list[dict[str, object]]:
    return sorted(files.concatenate(paths, attention_schemas.ATTENTION).to_pylist(), key=lambda row: row["position"])


# Forms


def test_shape_reveals_only_capitals_letters_and_numbers() -> None:
    assert shape("McDonald's 24,50 € ö") == "XxXxxxxx'x 00,00 € x"
    assert shape("東京 Жук") == "xx Xxx"
    assert shape("a\u0301") == "xx"
    assert shape("x\U000e0041\u200dy") == "x\ufffd\ufffdx", "invisible characters can spell a text"


@pytest.mark.parametrize(
    ("entry", "form"),
    [
        ("\u24e2\u24ba", "xx"),
        ("\U0001f1e9\U0001f1ea", "xx"),
        ("\u2116", "x"),
        ("\u2813", "x"),
        ("\u20ac\u2192\U0001f600", "\u20ac\u2192\U0001f600"),
    ],
)
def test_symbols_that_spell_are_letters(entry: str, form: str) -> None:
    assert shape(entry) == form
    assert (tag(entry, KEY) == entry) == (form == entry)


@pytest.mark.parametrize(
    ("entry", "form"),
    [
        ("ZÃ¼rich", "Xxxxxx"),
        ("Ð¿", "x"),
        ("Ð»Ð¾", "xx"),
        ("âĤ¬", "€"),
        ("ðŁĺĢ", "😀"),
        ("»", "x"),
        ("aÐ", "xx"),
        ("ĊĊ", "xx"),
        ("Zürich", "Xxxxxx"),
    ],
)
def test_bytes_are_read_as_text_or_shown_as_letters(entry: str, form: str) -> None:
    assert shape(entry) == form
    assert (tag(entry, KEY) == form) == (form in {"€", "😀"})


def test_the_stand_ins_of_bytes_are_those_of_byte_level_tokenizers() -> None:
    assert set(BYTE_OF) == set(ByteLevel.alphabet())
    assert {BYTE_OF[character] for character in BYTE_OF} == set(range(256))
    pieces = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str("Жизнь 東京 é\t")
    assert bytes(BYTE_OF[character] for character in pieces[0][0]).decode() == "Жизнь 東京 é\t"


@pytest.mark.parametrize(
    ("entry", "form"),
    [
        ("##em", "##xx"),
        ("\u0120The", "\u0120Xxx"),
        ("\u2581the", "\u2581xxx"),
        ("␣The", "␣Xxx"),
        ("␣", "␣"),
        ("caf##", "xxx##"),
        ("‹F0 9F›", "xx"),
        ("␣na‹C3›", "␣xxx"),
        ("␣café", "␣xxxx"),
        ("##", "##"),
        ("#", "#"),
        ("the", "xxx"),
    ],
)
def test_marks_of_tokenizers_stay(entry: str, form: str) -> None:
    assert choose_form(RedactionSettings(mode="shape"))(entry) == form
    assert unmarked(form) == form.strip("#\u0120\u2581␣") or entry in {"#", "##"}


def test_a_tag_depends_on_word_and_key_and_punctuation_stays(tmp_path: Path) -> None:
    form = choose_form(redaction(tmp_path, "hash").redaction)

    assert form("paris") == form("##paris").removeprefix("##") == tag("paris", KEY)
    assert re.fullmatch("[a-z2-7]{8}", form("paris"))
    assert len({form("paris"), form("Paris"), form("london"), tag("paris", KEY[1:])}) == 4
    assert [form(entry) for entry in (",", "##!", "😀", "[UNK]")] == [",", "##!", "😀", "[UNK]"]


@pytest.mark.parametrize(("content", "fault"), [(None, "No such file"), (b"short\n", "has 5 bytes")])
def test_a_key_that_cannot_be_used(content: bytes | None, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"key_file .*{fault}[\s\S]*token_hex"):
        choose_form(RedactionSettings(mode="hash", key_file=str(path)))


@pytest.mark.parametrize("section", [{"mode": "hash"}, {"mode": "shape", "key_file": "k"}, {"key_file": "k"}])
def test_a_key_belongs_to_hash(section: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="`key_file` is needed by `mode: hash`"):
        parse_settings(RedactAttention, json.dumps({"redaction": section}))


# Texts


def test_a_text_is_made_of_forms_and_white_space() -> None:
    new = redact_text("Ab  cde. tail", [(0, 2), (2, 7), (7, 8)], ["Xx", "xxx", "."])
    assert new.text == f"Xx  xxx. {UNREAD}"
    assert [new.places[offset] for offset in (0, 2, 4, 7, 8, 13)] == [0, 2, 4, 7, 8, 10]


def test_tokens_that_share_characters_are_written_once() -> None:
    new = redact_text("a😀b", [(0, 1), (1, 2), (1, 2), (2, 3)], ["x", "Ã°", "Åx", "x"])
    assert new.text == "xÃ°x"
    assert new.places == [0, 1, 3, 4]


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=12))
def test_nothing_of_a_text_but_white_space_survives(text: str, cuts: list[int]) -> None:
    edges = sorted({min(cut, len(text)) for cut in cuts})
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    new = redact_text(text, spans, ["Ж"] * len(spans))

    assert "".join(new.text.split()).strip("Ж" + UNREAD) == ""
    assert [c for c in new.text if c.isspace()] == [c for c in text if c.isspace()] or "".join(text.split()) != ""
    assert len(new.places) == len(text) + 1
    assert new.places == sorted(new.places)
    assert new.places[-1] == len(new.text)
    for start, end in spans:
        shown = new.text[new.places[start] : new.places[end]]
        assert "".join(shown.split()) in {"Ж", "Ж" + UNREAD, ""}


# The stage


def test_every_column_of_text_is_rewritten_or_known_to_hold_none() -> None:
    holding_text = {
        field.name
        for field in attention_schemas.ATTENTION.arrow
        if pa.types.is_string(field.type)
        or (pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type))
    }
    assert holding_text == {*NAMES, "text", "tokens", "entries"}
    places = {
        field.name
        for field in attention_schemas.ATTENTION.arrow
        if re.search(r"character", str(field.metadata), re.IGNORECASE)
    }
    assert places - holding_text <= {*REWRITTEN, PLACE_OF_PAIR, "punctuation"}


@pytest.mark.parametrize("mode", ["shape", "hash"])
def test_no_word_of_a_byte_level_model_leaks(mode: str, tmp_path: Path) -> None:
    make_byte_level_roberta(tmp_path / "checkpoint", SECRETS)
    attention = extract(tmp_path, [" ".join(SECRETS), "秘 é 😀"])

    redacted = rows(redact(tmp_path, [attention], mode))
    assert not [row["entries"] for row in redacted if row["entries"]]
    assert all(row["entries"] for row in rows([attention]))
    spelt = json.dumps([[row["text"], row["tokens"]] for row in redacted], ensure_ascii=False)
    assert not [secret for secret in (*SECRETS, "秘", "é", "‹", "E7", "C3") if secret in spelt]


@pytest.mark.parametrize("mode", ["shape", "hash"])
def test_numbers_stay_and_tokens_are_what_the_text_says(mode: str, tmp_path: Path) -> None:
    attention = write_attention_shards(tmp_path / "in", n_documents=20, n_shards=2)
    before, after = rows(attention), rows(redact(tmp_path, attention, mode, min_document_frequency=2))

    for old, new in zip(before, after, strict=True):
        changed = {name for name in old if old[name] != new[name]}
        assert changed <= {"text", "tokens", "token_ids", "starts", "ends"}
        assert "tokens" in changed
        spans = zip(new["starts"], new["ends"], new["tokens"], new["special"], strict=True)
        for start, end, token, special in spans:
            assert new["text"][start:end] == ("" if special else token.removeprefix("##"))
    assert files.read_facts(attention[0], attention_schemas.ATTENTION) == files.read_facts(
        tmp_path / "redacted" / attention[0].name, attention_schemas.ATTENTION
    )


def test_words_of_few_documents_become_one_entry(tmp_path: Path) -> None:
    texts = ["common first", "common 2nd", "common third"]
    attention = write_attention_shards(tmp_path / "in", n_documents=3, n_shards=1, texts=texts)

    redacted = rows(redact(tmp_path, attention, "hash", min_document_frequency=2))
    assert [row["tokens"][2] for row in redacted] == [RARE] * 3
    assert [row["text"] for row in redacted] == [f"{tag('common', KEY)} {RARE}"] * 3
    shaped = rows(redact(tmp_path, attention, "shape", min_document_frequency=2))
    assert [row["text"] for row in shaped] == ["xxxxxx xxxxx", f"xxxxxx {RARE}", "xxxxxx xxxxx"], (
        "shapes share documents"
    )


def test_vocabulary_indices_reveal_nothing_and_agree_between_shards(tmp_path: Path) -> None:
    attention = write_attention_shards(tmp_path / "in", n_documents=20, n_shards=3)
    redacted = rows(redact(tmp_path, attention, "shape"))

    meaning: dict[int, str] = {}
    for row in redacted:
        for number, token in zip(row["token_ids"], row["tokens"], strict=True):
            assert meaning.setdefault(number, token) == token
    assert sorted(meaning) == list(range(len(meaning)))
    assert [meaning[number] for number in sorted(meaning)] == sorted(meaning.values())


def test_sharding_changes_no_byte_of_the_statistics(tmp_path: Path) -> None:
    written = []
    for n_shards in (1, 3):
        folder = tmp_path / str(n_shards)
        attention = write_attention_shards(folder / "in", n_documents=20, n_shards=n_shards)
        statistics = aggregated(folder, redact(folder, attention, "hash", min_document_frequency=3))
        written.append([statistics.tokens.read_bytes(), statistics.head_tokens.read_bytes()])
    assert written[0] == written[1]


def aggregated(folder: Path, attention: list[Path]) -> StatisticsPaths:
    inputs = write_site_inputs(folder / "unused", n_documents=20)  # for its ledger
    sums = [[folder / f"{path.stem}.{name}.parquet" for name in ("a", "t", "h")] for path in attention]
    for path, targets in zip(attention, sums, strict=True):
        aggregate_shard(path, *targets)
    statistics = StatisticsPaths.below(folder / "statistics")
    ledger = inputs.statistics.ledger.parents[1] / "ledger.parquet"
    aggregate_dataset(attention, [s[1] for s in sums], [s[2] for s in sums], ledger, statistics)
    return statistics


def test_as_many_targets_as_shards(tmp_path: Path) -> None:
    attention = write_attention_shards(tmp_path / "in", n_documents=4, n_shards=2)
    with pytest.raises(ArtifactError, match="2 shards cannot be redacted into 1"):
        redact_attention(redaction(tmp_path, "shape"), attention, [tmp_path / "one.parquet"])


def test_a_document_without_tokens_and_an_empty_shard_pass(tmp_path: Path) -> None:
    attention = write_attention_shards(tmp_path / "in", n_documents=2, n_shards=3, texts=["", "one"])
    assert [row["text"] for row in rows(redact(tmp_path, attention, "shape", min_document_frequency=1))] == ["", "xxx"]


# The site


def rendered(folder: Path, mode: str) -> Path:
    folder.mkdir(exist_ok=True)
    inputs = write_site_inputs(folder / "inputs", n_documents=24, texts=secret_texts())
    add_unreadable_rows(folder / "inputs" / "ledger.parquet")
    attention = list(inputs.attention)
    if mode != "none":
        attention = redact(folder, attention, mode, min_document_frequency=2)
    settings = site_settings(title="Share-safe")
    section = redaction(folder, mode).redaction if mode != "none" else RedactionSettings()
    settings = settings.model_copy(update={"study": settings.study.model_copy(update={"redaction": section})})
    return render(folder, settings, inputs, attention)


def add_unreadable_rows(ledger: Path) -> None:
    """Add rows that were left out, whose faults quote a secret."""
    unknown = find_classes(["Science", "Sports"], (), ()).fault(UNREADABLE)
    details = {
        "unreadable_label": f"column label: {unknown}",
        "empty": f"column text: is empty; column label: {unknown}",
    }
    table = files.read_table(ledger, corpus_schemas.LEDGER).to_pylist()
    for status, detail in details.items():
        table.append({**table[-1], "row": len(table) + 1, "split": "", "status": status, "detail": detail})
    columns = {name: [row[name] for row in table] for name in corpus_schemas.LEDGER.arrow.names}
    files.write_table(ledger, corpus_schemas.LEDGER, columns)


def render(folder: Path, settings: RenderSite, inputs: SiteInputs, attention: list[Path]) -> Path:
    """Render what the workflow would: every statistic, too, is made from the attention that is handed in."""
    statistics = compute_statistics(folder, attention, folder / "inputs" / "ledger.parquet")
    draw(StatisticsPaths.below(statistics.folder), folder / "figures", dpi=50, n_cloud_words=10)
    site = folder / "site"
    evidence = write_evidence(folder / "evidence", attention)
    changed = {"attention": attention, "figures": folder / "figures", "maps": None, "evidence": evidence}
    inputs = replace(inputs, **changed, **statistics.fields())
    write_site(settings, inputs, site)
    return site


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph")
def test_the_search_for_leaks_finds_every_secret_where_nothing_is_redacted(tmp_path: Path) -> None:
    found = {line.split(": ")[1] for line in leaks(rendered(tmp_path, "none"), SECRETS)}
    assert {"quibblefrotz", "zürnberg42", "wumpus", "жираффпетров", "東京秘密", "once0nlyxyzzy", "vrtn"} <= found
    assert {line.split(": ")[1] for line in leaks(tmp_path / "site", [UNREADABLE])} == {UNREADABLE.casefold()}


@pytest.mark.parametrize("mode", rest_is_slow(["shape", "hash"]))
def test_no_file_of_a_redacted_site_holds_a_secret(mode: str, tmp_path: Path) -> None:
    site = rendered(tmp_path, mode)
    assert leaks(site, [*SECRETS, UNREADABLE]) == []
    cells = re.findall("<bdi>(.*?)</bdi>", (site / "about.html").read_text(encoding="utf-8"))
    assert {"column label", "column text, column label"} <= set(cells)
    assert KEY.decode() not in "".join(text for _, text in readable(site))
    assert str(tmp_path) not in (site / "about.html").read_text(encoding="utf-8")
    assert files.read_json(site / "run.json", output_schemas.RUN)["redaction"] == mode
    assert all("Words are redacted: " in page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    again = rendered(tmp_path / "again", mode)
    assert {p.relative_to(site): p.read_bytes() for p in site.rglob("*.html")} == {
        p.relative_to(again): p.read_bytes() for p in again.rglob("*.html")
    }


@pytest.mark.slow
def test_heads_have_the_same_statistics_with_and_without_words(tmp_path: Path) -> None:
    for mode in ("none", "shape"):
        rendered(tmp_path / mode, mode)
    tables = [
        files.read_table(tmp_path / mode / "statistics" / "heads.parquet", statistics_schemas.HEADS)
        for mode in ("none", "shape")
    ]
    assert tables[0].equals(tables[1])
    assert np.all(tables[0]["count"].to_numpy() > 0)
