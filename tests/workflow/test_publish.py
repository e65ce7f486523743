"""Publishing against a real bare repository: what is refused, what is pushed, and what stays as it was."""
# ruff: noqa: ANN401 - keywords are handed on to functions that type them

import functools
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from site_visits import Visitor, accessibility_faults
from synthetic_site import site_settings, write_site_inputs

from attviz_pipeline import cli
from attviz_pipeline.artifacts import files, output_schemas
from attviz_pipeline.artifacts.checksums import folder_digests
from attviz_pipeline.errors import PublishError
from attviz_pipeline.publish.branch import PagesBranch, RemoteMovedError
from attviz_pipeline.publish.checks import Limits
from attviz_pipeline.publish.publish import publish_site
from attviz_pipeline.report import links
from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.render_site import write_site
from attviz_pipeline.report.runs import render_runs
from attviz_pipeline.stages import Publish

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = {f"GIT_{who}_{what}": f"test-{what}@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(autouse=True)
def _git_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git as on a machine without any settings, but for an identity."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in {**IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home of nobody"))


def git(folder: Path, *command: str) -> str:
    finished = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return finished.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a bare remote, a pushed main branch, and uncommitted changes of every kind."""
    bare, folder = tmp_path / "remote.git", tmp_path / "check out"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    (folder / "code.py").write_text("first\n")
    (folder / ".gitattributes").write_text("* text eol=crlf\n")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "remote", "add", "origin", str(bare))
    git(folder, "push", "--quiet", "origin", "main")
    (folder / "staged.py").write_text("staged\n")
    git(folder, "add", "staged.py")
    (folder / "code.py").write_text("changed\n")
    (folder / "untracked.py").write_text("untracked\n")
    return folder


def settings(folder: str = "news", name: str = "synthetic", **section: Any) -> Publish:
    return Publish.model_validate({"name": name, "redaction": {}, "publish": {"folder": folder, **section}})


def push(site: Path, checkout: Path, folder: str = "news", limits: Limits | None = None, **section: Any) -> str:
    return publish_site(settings(folder, **section), site, checkout, render_runs, limits)


def reseal(site: Path, **changed: Any) -> None:
    """Note the site's files, and other facts, as if they had been rendered so."""
    facts = files.read_json(site / "run.json", output_schemas.RUN) | changed
    names = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()]
    digests = folder_digests(site, set(names) - {"run.json", ".snakemake_timestamp"})
    files.write_json(site / "run.json", output_schemas.RUN, facts | {"digests": digests})


def push_by_hand(checkout: Path, **contents: str) -> None:
    """Put files on the branch, slashes in their names written as two underscores, dots as one."""
    other = checkout.parent / "other checkout"
    git(checkout.parent, "clone", "--quiet", str(checkout.parent / "remote.git"), str(other))
    git(other, "checkout", "--quiet", "--orphan", "gh-pages")
    git(other, "rm", "-rfq", ".")
    for name, content in contents.items():
        path = other / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    git(other, "add", "-A")
    git(other, "commit", "--quiet", "-m", "by hand")
    git(other, "push", "--quiet", "origin", "gh-pages")


def refused(site: Path, checkout: Path, **options: Any) -> str:
    with pytest.raises(PublishError) as caught:
        push(site, checkout, **options)
    return str(caught.value)


def listing(checkout: Path, ref: str = "gh-pages") -> set[str]:
    return set(git(checkout.parent / "remote.git", "ls-tree", "-r", "--name-only", ref).splitlines())


def state(checkout: Path) -> tuple[str, ...]:
    """Everything that publishing must leave alone: files, index, branches, tags, stash, config."""
    content = "".join(f"{p.name}:{p.read_text()}" for p in sorted(checkout.glob("*.*")) if p.is_file())
    refs = git(checkout, "for-each-ref", "refs/heads", "refs/tags")
    index = git(checkout, "ls-files", "--stage")
    head, config = (checkout / ".git" / "HEAD").read_text(), (checkout / ".git" / "config").read_text()
    return content, refs, index, head, config, git(checkout, "status", "--porcelain"), git(checkout, "reflog", "main")


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    """A site to spoil."""
    return Path(shutil.copytree(site, tmp_path / "site"))


# What is pushed


def test_a_site_arrives_byte_for_byte_in_its_folder(site: Path, checkout: Path, tmp_path: Path) -> None:
    before = state(checkout)
    message = push(site, checkout)

    assert re.search(r"pushed \d+ files, [\d.]+ MB to news/ on branch gh-pages of .*remote\.git", message)
    git(tmp_path, "clone", "--quiet", "--branch", "gh-pages", str(tmp_path / "remote.git"), "clone")
    published = tmp_path / "clone" / "news"
    assert {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()} == {
        p.relative_to(published): p.read_bytes() for p in published.rglob("*") if p.is_file()
    }
    assert {p.name for p in (tmp_path / "clone").iterdir()} == {".git", ".nojekyll", "index.html", "runs.css", "news"}
    assert state(checkout) == before
    assert git(tmp_path / "remote.git", "rev-parse", "main") == git(checkout, "rev-parse", "main")


def test_publishing_again_changes_nothing_and_another_study_stays(
    site: Path, checkout: Path, inputs: SiteInputs, tmp_path: Path
) -> None:
    push(site, checkout)
    tip = git(tmp_path / "remote.git", "rev-parse", "gh-pages")
    assert "nothing to push" in push(site, checkout)
    assert git(tmp_path / "remote.git", "rev-parse", "gh-pages") == tip

    other = tmp_path / "other"
    write_site(site_settings(title="<Second> & last"), inputs, other)
    message = push(other, checkout, "second")
    assert "studies there: news, second" in message
    assert {f"news/{p.relative_to(site)}" for p in site.rglob("*") if p.is_file()} < listing(checkout)
    index = git(tmp_path / "remote.git", "show", "gh-pages:index.html")
    assert '<a href="news/index.html">News &amp; views</a>' in index
    assert '<a href="second/index.html">&lt;Second&gt; &amp; last</a>' in index
    assert git(tmp_path / "remote.git", "rev-parse", "gh-pages~1") == tip, "history is kept"


@pytest.mark.slow
def test_ten_thousand_documents_are_published_and_nothing_is_pushed_again(checkout: Path, tmp_path: Path) -> None:
    n_documents, texts = (
        10_000,
        ["The coach said that the team made a profit", "Growth in the market", "Music and film"],
    )
    inputs, site = (
        write_site_inputs(tmp_path / "inputs", n_documents=n_documents, texts=texts, full=False),
        tmp_path / "s",
    )
    write_site(site_settings(), inputs, site)
    pages = {f"news/{links.document(position)}" for position in range(n_documents)}

    assert "pushed 10," in push(site, checkout)  # a site with a link that leads nowhere would be refused
    assert pages < listing(checkout)
    tip = git(tmp_path / "remote.git", "rev-parse", "gh-pages")
    start = time.process_time()
    assert "nothing to push" in push(site, checkout)
    assert time.process_time() - start < 120  # 3 ms a page, where making it takes as long
    assert git(tmp_path / "remote.git", "rev-parse", "gh-pages") == tip


def test_files_that_a_study_no_longer_has_go(copy: Path, checkout: Path) -> None:
    (copy / ".snakemake_timestamp").touch()
    push(copy, checkout)
    assert "news/.snakemake_timestamp" not in listing(checkout)
    for page in (copy / "documents").glob("*.html"):
        page.unlink()
    for page in copy.rglob("*.html"):
        page.write_text("<p>short</p>")
    reseal(copy)
    push(copy, checkout)
    assert not [name for name in listing(checkout) if name.startswith("news/documents/")]


def test_dry_run_says_what_would_happen_and_pushes_nothing(site: Path, checkout: Path, tmp_path: Path) -> None:
    message = push(site, checkout, dry_run=True, folder="first-try")
    assert re.search(
        r"would push \d+ files, .* to first-try/ on branch gh-pages of .*; studies there then: first-try", message
    )
    assert "gh-pages" not in git(tmp_path / "remote.git", "for-each-ref")


def test_other_files_of_the_branch_stay(site: Path, checkout: Path, tmp_path: Path) -> None:
    older = '{"schema": "attviz/run/1", "title": 3}'
    push_by_hand(
        checkout, CNAME="example.org\n", notes__page_html="<p>by hand", older__run_json=older, x__run_json="{}"
    )

    message = push(site, checkout)
    assert message.endswith("studies there: news, older")
    assert {"CNAME", "notes/page.html", "older/run.json", "x/run.json", "news/index.html"} <= listing(checkout)
    index = git(tmp_path / "remote.git", "show", "gh-pages:index.html")
    assert '<a href="older/index.html">older</a>' in index
    assert index.count('<p class="subject">') == 1, "nothing but the name of what an older version made"


@pytest.mark.parametrize("file", ["news__index_html", "news__run_json", "runs_css"])
def test_what_was_made_by_hand_is_not_lost(file: str, site: Path, checkout: Path) -> None:
    push_by_hand(checkout, **{file: "{}"})
    message = refused(site, checkout)
    remedy = "branch in publish.branch" if file == "runs_css" else "folder in publish.folder"
    name = "runs.css" if file == "runs_css" else "news"
    assert re.search(rf"{name} of the branch +was not written by this project.*{remedy}", message)


def test_a_detached_head_and_a_shallow_clone_publish(site: Path, checkout: Path, tmp_path: Path) -> None:
    push(site, checkout)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{tmp_path / 'remote.git'}", str(shallow))
    git(shallow, "checkout", "--quiet", "--detach")
    push(site, shallow, "second")
    assert {"news/index.html", "second/index.html"} <= listing(checkout)


# What is refused


def test_all_faults_of_a_site_come_at_once(copy: Path, checkout: Path, tmp_path: Path) -> None:
    page = copy / "heads.html"
    page.write_text(
        '<a href="nowhere.html">a</a><a href="/heads.html">b</a><a href="tokens.html#no-such-place">c</a>'
        '<img src="../../outside.png"><a href="file:///x">d</a><a href="https://example.org">fine</a>'
        f"<p>{checkout}/results and C:\\Users\\someone\\x and the project Blue&nbsp;Heron, Top&amp;Secret</p>"
    )
    (copy / "assets" / "tokens-000.js").write_text('x("say \\"Top&Secret\\"")')
    (copy / "link.html").symlink_to(page)
    (copy / "assets" / "two words.js").write_text("")
    message = refused(copy, checkout, forbidden=["top&secret", 'say "top'], limits=Limits(file_bytes=200_000))

    for expected in (
        r"heads\.html +links to 'nowhere\.html', which does not exist",
        r"heads\.html +links to '/heads\.html', which is no address within the site",
        r"heads\.html +links to 'tokens\.html#no-such-place', an anchor that the page does not have",
        r"heads\.html +links to '\.\./\.\./outside\.png', which does not exist",
        r"heads\.html +links to 'file:///x', which is no address within the site",
        r"heads\.html +holds .*check out: a folder of this machine: add it to publish\.allowed",
        r"heads\.html +holds C:.Users.someone: the path of a user's folder, or .*: add it to publish\.allowed",
        r"heads\.html +holds top&amp;secret: 'top&secret', which publish\.forbidden names",
        r"assets/tokens-000\.js +holds say .+top: 'say \"top', which publish\.forbidden names",
        r"link\.html +is a link or no regular file",
        r"'assets/two words\.js' +is no file name that this project writes",
    ):
        assert re.search(expected, message), expected
    assert "example.org" not in message
    assert message.endswith("Nothing was pushed.")
    assert "gh-pages" not in git(tmp_path / "remote.git", "for-each-ref")


def test_names_of_user_and_machine_are_words_of_their_own(
    copy: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "quux17.lab.example")
    monkeypatch.setenv("LOGNAME", "mxyzptlk")
    page = copy / "compare.html"
    page.write_text("<p>Mxyzptlk@quux17: fine are quux170 and aB+mxyzptlk/9=</p>")
    reseal(copy)
    message = refused(copy, checkout)
    assert "holds Mxyzptlk: the name of this user: add it to publish.allowed" in message
    assert "holds quux17: the name of this machine" in message

    page.write_text("<p>fine are quux170 and aB+mxyzptlk/9=</p>")
    reseal(copy)
    assert push(copy, checkout, dry_run=True)
    page.write_text("<p>Mxyzptlk is a word of this corpus</p>")
    reseal(copy)
    assert push(copy, checkout, dry_run=True, allowed=["Mxyzptlk is a word"])


def test_names_are_looked_for_in_what_pictures_and_tables_say(
    copy: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "zyx")
    picture, table = copy / "figures" / "x.png", copy / "figures" / "x.parquet"
    picture.write_bytes(png(b"IDAT", b" zyx "))
    pq.write_table(pa.table({"n": pa.array([int.from_bytes(b" zyx zyx", "little")])}), table, compression="none")
    reseal(copy)
    assert push(copy, checkout, dry_run=True)

    picture.write_bytes(png(b"tEXt", b"Author\0zyx"))
    pq.write_table(pa.table({"token": [["by", "zyx"]]}), table)
    reseal(copy)
    message = refused(copy, checkout)
    assert re.search(r"figures/x\.png +holds zyx: the name of this user", message)
    assert re.search(r"figures/x\.parquet +holds zyx: the name of this user", message)


def png(kind: bytes, data: bytes) -> bytes:
    """A picture of one chunk."""
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )


PATHS = (
    *("https://example.org/users/ann/profile", "/home/bob/notes.txt", "C:\\Users\\carol\\x", "file:///etc/passwd"),
    *("Mxyzptlk", "/opt/ünïcode/lab", "file://host/x", "D:/Users/dan", "/Users/é"),
)


@pytest.fixture
def _names_as_in_the_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's user and working directory are words of the dataset."""
    monkeypatch.setenv("LOGNAME", "mxyzptlk")
    monkeypatch.setattr(Path, "cwd", lambda: Path("/opt/ünïcode/lab"))


@pytest.mark.usefixtures("_names_as_in_the_dataset")
def test_paths_in_texts_labels_and_ids_are_the_datasets(
    checkout: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = [f"{'Look there: ' * 5}{path}\nand at {path}\tagain {'and so on ' * 30}" for path in PATHS]
    inputs = write_site_inputs(tmp_path / "inputs", n_documents=2 * len(PATHS), texts=texts)
    write_site(site_settings(), inputs, tmp_path / "site")

    assert "would push" in push(tmp_path / "site", checkout, dry_run=True)
    assert re.search(
        r"files hold texts of the dataset that look like .*, for example .* in documents/\d+\.html \(doc", caplog.text
    )

    page = tmp_path / "site" / "about.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<h1>", "<h1>/home/eve/private "), encoding="utf-8")
    reseal(tmp_path / "site")
    message = refused(tmp_path / "site", checkout, forbidden=["carol"])
    assert re.search(r"about\.html +holds /home/eve/private: the path of a user's folder", message)
    assert re.search(
        r"documents/\d+\.html +holds carol \(document \d+, id doc-\d+\): 'carol', which publish\.forbidden", message
    )
    assert "bob" not in message


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_forbidden_texts_are_found_in_every_unicode_form(
    form: Literal["NFC", "NFD"], copy: Path, checkout: Path
) -> None:
    (copy / "heads.html").write_text(f"<p>{unicodedata.normalize(form, 'Zürich Café')}</p>", encoding="utf-8")
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "zürich café")
    assert re.search(
        r"heads\.html +holds .*: '.*', which publish\.forbidden names", refused(copy, checkout, forbidden=[other])
    )


def test_a_user_without_account_or_home_publishes(site: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert push(site, checkout, dry_run=True)


def test_a_damaged_page_is_not_published(copy: Path, checkout: Path) -> None:
    page = copy / links.document(3)
    page.write_bytes(page.read_bytes()[:-20])
    (copy / "heads.html").write_text("another")
    (copy / links.head(0, 0)).unlink()
    message = refused(copy, checkout)
    for folder in ("the site's own folder", "documents/", "heads/"):
        assert re.search(rf"{folder} +does not hold what was rendered: .*; delete the site and run", message)
    assert "assets/ " not in message


def test_common_account_names_are_no_secret(copy: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    (copy / "compare.html").write_text("<p>the root of the matter</p>")
    reseal(copy)
    assert push(copy, checkout, dry_run=True)


def test_limits_count_what_other_studies_use(site: Path, checkout: Path, caplog: pytest.LogCaptureFixture) -> None:
    n_bytes = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    message = refused(site, checkout, limits=Limits(site_bytes=n_bytes - 1, file_bytes=20_000))
    assert re.search(r"all files +have [\d.]+ MB; a site may have [\d.]+ MB: analyse fewer documents", message)
    assert re.search(r"assets/document\.js +has 0\.\d MB; a file may have 0\.0 MB", message)

    push(site, checkout, limits=Limits(site_bytes=n_bytes + 1))
    assert "uses 100 % of the host's limit" in caplog.text
    message = refused(site, checkout, folder="second", limits=Limits(site_bytes=n_bytes + 50_000))
    assert re.search(r"\([\d.]+ MB of them other studies\)", message)
    push(site, checkout, limits=Limits(site_bytes=n_bytes + 50_000))  # its own folder is replaced, not added


@pytest.mark.parametrize(
    ("rendered", "section", "fault"),
    [
        ("none", {"mode": "hash", "key_file": "key"}, "mode none, the study says hash"),
        ("shape", {"mode": "shape", "min_document_frequency": 9}, "min_document_frequency 5, the study says 9"),
    ],
)
def test_a_site_rendered_before_redaction_is_stale(
    rendered: str, section: dict[str, Any], fault: str, copy: Path, checkout: Path
) -> None:
    reseal(copy, redaction=rendered)
    wanted = Publish.model_validate({"name": "synthetic", "redaction": section, "publish": {}})
    with pytest.raises(PublishError, match=rf"rendered with redaction\.{fault}: run the workflow"):
        publish_site(wanted, copy, checkout, render_runs)


def test_the_site_of_another_study_is_refused(site: Path, checkout: Path) -> None:
    assert re.search("the site +is of the study synthetic, not of mine", refused(site, checkout, name="mine"))


def test_a_foreign_index_page_is_not_lost(site: Path, checkout: Path, tmp_path: Path) -> None:
    git(checkout, "stash", "--quiet", "--include-untracked")
    git(checkout, "checkout", "--quiet", "-b", "gh-pages")
    (checkout / "index.html").write_text("<p>by hand")
    git(checkout, "add", "index.html")
    git(checkout, "commit", "--quiet", "-m", "by hand")
    git(checkout, "push", "--quiet", "origin", "gh-pages")
    assert re.search(r"branch gh-pages +is checked out: pages need a branch of their own", refused(site, checkout))
    git(checkout, "checkout", "--quiet", "main")
    assert re.search(r"index\.html of the branch +was not written by this project", refused(site, checkout))
    assert git(tmp_path / "remote.git", "show", "gh-pages:index.html") == "<p>by hand"


def test_a_branch_of_sources_is_refused(site: Path, checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "-b", "work")
    assert "refs/heads/main is the main branch of origin" in refused(site, checkout, branch="main")


def test_without_site_repository_remote_identity_or_access(
    site: Path, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "holds no site (index.html is missing): run the workflow first" in refused(tmp_path / "none", checkout)
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert "outside is in no git repository" in refused(site, outside)
    git(checkout, "remote", "add", "upstream", "https://user:pass-word@127.0.0.1:9/x.git")
    for name in IDENTITY:
        monkeypatch.delenv(name)
    message = refused(site, checkout, remote="orgin", branch="a..b")
    assert re.search(r"remote orgin +does not exist; there is origin, upstream", message)
    assert re.search(r"branch a\.\.b +is not a valid branch name in git", message)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    message = refused(site, checkout, remote="upstream")
    assert "git failed with the remote upstream:" in message
    assert "pass-word" not in message
    assert "Nothing was changed there." in message


def test_missing_identity_is_reported(site: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in IDENTITY:
        monkeypatch.delenv(name)
    git(checkout, "config", "user.useConfigOnly", "true")
    assert re.search(r"identity +is not known to git: `git config user\.name`", refused(site, checkout))


def test_missing_credentials_fail_at_once(site: Path, checkout: Path) -> None:
    class Locked(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        git(checkout, "remote", "add", "locked", f"http://127.0.0.1:{http.server_address[1]}/x.git")
        message = refused(site, checkout, remote="locked")
        http.shutdown()
    assert "Set up access to locked" in message
    assert "could not read Username" in message


def test_missing_git_is_reported(site: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "git is not installed" in refused(site, checkout)


def test_a_site_of_uncommitted_code_is_published_with_a_warning(
    copy: Path, checkout: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reseal(copy, commit="1" * 40 + "-dirty")
    assert "would push" in push(copy, checkout, dry_run=True)
    assert "made by code with uncommitted changes" in caplog.text


def test_a_hook_that_refuses_is_quoted(site: Path, checkout: Path, tmp_path: Path) -> None:
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho branch is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    message = refused(site, checkout)
    assert "branch is protected" in message
    assert "pre-receive hook declined" in message


def move_remote(monkeypatch: pytest.MonkeyPatch, times: int, checkout: Path) -> Callable[[], int]:
    """Let somebody else push between reading the branch and pushing to it."""
    moved = []
    real = PagesBranch.push

    def push_after_others(self: PagesBranch, commit: str) -> None:
        if len(moved) < times:
            moved.append(
                git(checkout, "commit-tree", "HEAD^{tree}", "-m", f"other {len(moved)}", *(parent(self))).strip()
            )
            git(checkout, "push", "--quiet", "origin", f"{moved[-1]}:refs/heads/gh-pages")
        real(self, commit)

    def parent(branch: PagesBranch) -> list[str]:
        return ["-p", branch.tip] if branch.tip else []

    monkeypatch.setattr(PagesBranch, "push", push_after_others)
    return lambda: len(moved)


def test_a_remote_that_moved_is_read_again_once(
    site: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moved = move_remote(monkeypatch, 1, checkout)
    assert "pushed" in push(site, checkout)
    assert moved() == 1
    assert "pushed to meanwhile (try 1 of 2)" in caplog.text
    assert {"code.py", "news/index.html"} <= listing(checkout), "what the others pushed is there too"


def test_a_remote_that_keeps_moving_is_reported(site: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_remote(monkeypatch, 2, checkout)
    assert "gh-pages of origin keeps moving" in refused(site, checkout)
    assert "news/index.html" not in listing(checkout)
    assert issubclass(RemoteMovedError, Exception)


# The command


def test_the_command_checks_and_says_what_it_did(
    site: Path, checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8")) | {"name": "synthetic"}
    (checkout.parent / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    command = ["publish", "--config", str(checkout.parent / "study.yaml"), "--site", str(site)]
    assert cli.main([*command, "--dry-run"]) == 0
    assert "would push" in capsys.readouterr().out
    assert cli.main(command) == 0
    assert "studies there: synthetic" in capsys.readouterr().out
    assert cli.main([*command[:-1], str(site / "documents")]) == 2
    assert "holds no site" in capsys.readouterr().err


# As readers meet it


@pytest.fixture
def published(site: Path, checkout: Path, inputs: SiteInputs, tmp_path: Path) -> Iterator[str]:
    """Two studies, cloned from the branch and served below a path, as GitHub Pages does."""
    other = tmp_path / "other"
    write_site(site_settings(title="</title><script>alert(1)</script>", description="<b>bold</b>"), inputs, other)
    push(site, checkout)
    push(other, checkout, "other-study")
    git(tmp_path, "clone", "--quiet", "--branch", "gh-pages", str(tmp_path / "remote.git"), "web/repo")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}/repo/"
        http.shutdown()


@pytest.mark.browser
def test_readers_find_every_study_from_the_index(published: str, visitor: Visitor) -> None:
    visit = visitor(published)
    visit.page.goto(published)
    links = visit.page.locator("main a")
    assert links.all_inner_texts() == ["News & views", "</title><script>alert(1)</script>"]
    assert visit.page.locator("main b").count() == 0
    links.nth(1).click()
    visit.page.wait_for_selector("html[data-ready]", state="attached")
    assert visit.page.url == f"{published}other-study/index.html"
    for name in ("Documents", "Heads", "Tokens", "Figures", "About"):
        visit.page.get_by_role("navigation", name="Site").get_by_role("link", name=name).click()
        visit.page.wait_for_selector("html[data-ready]", state="attached")
        assert visit.page.locator("main h1").is_visible()
    visit.open("news/documents/000003.html")
    assert "Document 4 of 24" in visit.page.locator("main").inner_text()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_index_is_accessible_and_fits_a_phone(theme: str, published: str, visitor: Visitor) -> None:
    visit = visitor(published, color_scheme=theme, viewport={"width": 390, "height": 800})
    visit.page.goto(published)
    assert accessibility_faults(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_facts_of_a_run_are_what_the_index_reads(site: Path, tmp_path: Path) -> None:
    facts = files.read_json(site / "run.json", output_schemas.RUN)
    assert facts["n_documents"] == 24
    assert facts["commit"] == "0" * 40
    assert "commit <code>000000000000…</code>" in render_runs({"news": facts})["index.html"]
    inputs = write_site_inputs(tmp_path / "in", n_documents=4)
    write_site(site_settings(title="Again"), inputs, tmp_path / "site")
    assert files.read_json(tmp_path / "site" / "run.json", output_schemas.RUN)["title"] == "Again"


# The workflows of the repository


@pytest.mark.parametrize("name", ["ci.yml", "pages.yml"])
def test_workflow_files_parse_and_call_what_exists(name: str) -> None:
    content = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    steps = [step for job in content["jobs"].values() for step in job["steps"]]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert content["permissions"]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    called = "\n".join(step["run"] for step in steps if "run" in step)
    assert set(re.findall(r"^\s*make ([a-z]+)", called, flags=re.MULTILINE)) <= targets
    assert all((ROOT / script).is_file() for script in re.findall(r"^(\.ci/\w+)", called, flags=re.MULTILINE))
    assert "make " in called or ".ci/" in called


def test_pages_are_built_and_published_by_make() -> None:
    called = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    assert "make publish" in called


def test_make_keeps_the_rule_from_options_that_would_swallow_it() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "publish", "DRY_RUN=1", "CONFIG=config/bbc-news.yaml"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(
        r"snakemake .*--configfile .?config/bbc-news\.yaml.* --config 'publish=\{dry_run: true\}' -- publish$", listing
    )
