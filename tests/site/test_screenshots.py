"""The script that takes the documentation's screenshots runs on any site, and its pictures are small and shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
LARGEST = 150_000


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.usefixtures("browser")
def test_every_picture_of_the_documentation_is_taken_by_the_script(site: Path, tmp_path: Path) -> None:
    command = [sys.executable, IMAGES / "make_screenshots.py", site, "--output", tmp_path]
    subprocess.run(command, check=True, cwd=tmp_path)

    taken = {path.name for path in tmp_path.glob("*.png")}
    assert taken | {"maps.png"} == {path.name for path in IMAGES.glob("*.png")}, "maps.png needs a document with a map"
    for path in tmp_path.glob("*.png"):
        assert len(set(Image.open(path).convert("L").tobytes())) > 10, f"{path.name} is blank"


def test_every_picture_is_shown_and_small() -> None:
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/pages.md"))
    shown = set(re.findall(r"images/(\w+\.png)", pages))

    assert shown == {path.name for path in IMAGES.glob("*.png")}
    assert [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > LARGEST] == []
