"""Where every page of the site lies, relative to its root.

Names are made from numbers only: ids and labels come from the corpus and never become file names.
"""

START = "index.html"
DOCUMENTS = "documents.html"
HEADS = "heads.html"
TOKENS = "tokens.html"
FIGURES = "figures.html"
ABOUT = "about.html"
ASSETS = "assets"
FIGURE_FOLDER = "figures"


def document(position: int) -> str:
    """Page of the document at a 0-based position."""
    return f"documents/{position:06d}.html"


def head(layer: int, head: int) -> str:
    """Page of one head, both numbers 0-based."""
    return f"heads/L{layer:02d}-H{head:02d}.html"


def root_of(page: str) -> str:
    """Prefix that leads from a page back to the root: empty, or `../`."""
    return "../" * page.count("/")
