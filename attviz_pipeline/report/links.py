"""Where every page of the site lies, relative to its root.

Names are made from numbers only: ids and labels come from the corpus and never become file names.
"""

from typing import NamedTuple

START = "index.html"
DOCUMENTS = "documents.html"
HEADS = "heads.html"
CLASSES = "classes.html"
WRONG = "classes/wrong.html"
TOKENS = "tokens.html"
EVIDENCE = "evidence.html"
MODELS = "models.html"
COMPARE = "compare.html"
FIGURES = "figures.html"
METHODS = "methods.html"
ABOUT = "about.html"


class Page(NamedTuple):
    """A page that every page leads to: by its name in the navigation, or by the key after `g`."""

    address: str
    name: str
    key: str
    in_navigation: bool = True
    needs_evidence: bool = False
    needs_models: bool = False


PAGES = (
    Page(START, "Start", "s"),
    Page(DOCUMENTS, "Documents", "d"),
    Page(HEADS, "Heads", "h"),
    Page(CLASSES, "Classes", "c"),
    Page(TOKENS, "Tokens", "t"),
    Page(EVIDENCE, "Evidence", "e", needs_evidence=True),
    Page(MODELS, "Models", "o", needs_models=True),
    Page(FIGURES, "Figures", "f"),
    Page(METHODS, "Methods", "m"),
    Page(ABOUT, "About", "a"),
    Page(COMPARE, "Comparison", "p", in_navigation=False),
)
"""In the order of the navigation and of the list of keys."""


def pages_of(*, evidence: bool, models: bool, groups: str) -> list[Page]:
    """Leave out the pages that a site without evidence, or of a single model, does not have.

    Args:
        evidence: Whether the study has evidence.
        models: Whether the study compares models.
        groups: Name of the page of classes: Classes, Labels or Values.
    """
    named = (page._replace(name=groups) if page.address == CLASSES else page for page in PAGES)
    return [page for page in named if (evidence or not page.needs_evidence) and (models or not page.needs_models)]


RUN = "run.json"
ASSETS = "assets"
ICON = "assets/icon.svg"
FIGURE_FOLDER = "figures"
MAP_FOLDER = "maps"
FULL_SHARED = "assets/full.js"
LITE_SHARED = "assets/lite.js"


def document(position: int) -> str:
    """Page of the document at a 0-based position."""
    return f"documents/{document_name(position)}"


def document_name(position: int) -> str:
    """The same from another document."""
    return f"{position:06d}.html"


def head(layer: int, head: int) -> str:
    """Page of one head, both numbers 0-based."""
    return f"heads/L{layer:02d}-H{head:02d}.html"


def class_page(label: int) -> str:
    """Page of the class, label or value with a 0-based index."""
    return f"classes/{label:03d}.html"


def window_map(position: int, window: int) -> str:
    """Script with the token-to-token map of one window of a document, both numbers 0-based."""
    return f"{MAP_FOLDER}/{position:06d}-{window}.js"


def window_vectors(position: int, window: int, layer: int) -> str:
    """Script with the query and key vectors of one layer of a window."""
    return f"{MAP_FOLDER}/{position:06d}-{window}-L{layer:02d}.js"


def model_map(position: int, window: int, model: int) -> str:
    """Script with the map of the same window in another model, counted from 1."""
    return f"{MAP_FOLDER}/{position:06d}-{window}-M{model:02d}.js"


def root_of(page: str) -> str:
    """Prefix that leads from a page back to the root: empty, or `../`."""
    return "../" * page.count("/")
