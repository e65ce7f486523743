"""Every sentence that the site can say is listed in the documents with its rule."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

from attviz_pipeline.report import sentences

LIST = Path(__file__).parents[2] / "docs" / "statistics" / "sentences.md"
NO_SENTENCES = {"parts"}


def test_the_list_of_sentences_names_every_function_once() -> None:
    found = []
    for module in pkgutil.iter_modules(sentences.__path__):
        if module.name not in NO_SENTENCES:
            made = importlib.import_module(f"{sentences.__name__}.{module.name}")
            functions = inspect.getmembers(made, inspect.isfunction)
            found += [
                f"{module.name}.{name}"
                for name, function in functions
                if function.__module__ == made.__name__ and not name.startswith("_")
            ]
    listed = re.findall(r"^- `([\w.]+)`:", LIST.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(found)
