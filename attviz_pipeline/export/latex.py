r"""Heat maps for papers: one LaTeX file per document, with tokens on a coloured background.

The files need XeLaTeX or LuaLaTeX with xcolor and fontspec, and ctex for Chinese, Japanese and Korean.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from attviz_pipeline.export.documents import ExportedDocument
from attviz_pipeline.tasks.task import Task

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
# Han, kana, Hangul and their punctuation, for which ctex provides fonts and line breaking.
EAST_ASIAN = re.compile(
    r"[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]|[\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
LONGEST_BOX = 60
PREAMBLE = r"""% Compile with xelatex or lualatex.
\documentclass{article}
\usepackage[margin=2cm]{geometry}
\usepackage{fontspec}
% Without TeX's ligatures: quotes and dashes stay what they are in the text.
\defaultfontfeatures[\rmfamily,\sffamily]{}
\IfFontExistsTF{DejaVu Sans}{\setmainfont{DejaVu Sans}}{\setmainfont{Latin Modern Roman}}
%(east_asian)s\usepackage{xcolor}
\definecolor{attention}{HTML}{0072B2}
\setlength{\fboxsep}{1pt}
\newcommand{\tok}[2]{\colorbox{attention!#1}{\strut\ifnum#1>55\color{white}\fi#2}}
\newcommand{\named}[2]{\tok{#1}{\scriptsize#2}}
\pagestyle{empty}
\setlength{\parindent}{0pt}
\sloppy
\begin{document}
"""
CTEX = "\\usepackage[scheme=plain,fontset=fandol]{ctex} % other fontsets: see the manual of ctex\n"


@contextmanager
def write_latex(folder: Path, task: Task[Any], vector_names: list[str]) -> Iterator[Callable[[ExportedDocument], None]]:
    """Write `latex/<position>.tex` for every document.

    Colour is the mean over the vectors, from 0 (white) to the maximum over the document's non-special tokens.
    """
    target = folder / "latex"
    target.mkdir()

    def add(document: ExportedDocument) -> None:
        text = latex_page(document, task, len(vector_names))
        (target / f"{document.position:06d}.tex").write_text(text, encoding="utf-8", newline="\n")

    yield add


def latex_page(document: ExportedDocument, task: Task[Any], n_vectors: int) -> str:
    """Return a complete LaTeX file with one document."""
    largest, prediction = _largest(document), task.spell(document.predicted)
    confidence = task.confidence(document.predicted, document.probabilities)
    certain = "" if confidence is None or task.many_labels else f" ({100 * confidence:.1f}\\,\\%)"
    body = "".join(_pieces(document, largest)).strip() or "(no text)"
    scale = "\\,".join(f"\\tok{{{weight}}}{{~}}" for weight in range(0, 101, 20))
    legend = (
        f"\\par\\bigskip\\footnotesize self-attention, mean of {n_vectors}: 0 {scale} {largest:.3g}; "
        f"predicted {escape(prediction)}{certain}\n"
    )
    east_asian = CTEX if EAST_ASIAN.search(document.text + prediction + "".join(document.tokens)) else ""
    return PREAMBLE.replace("%(east_asian)s", east_asian) + body + "\n" + legend + "\\end{document}\n"


def escape(text: str) -> str:
    """Escape a text for LaTeX, so that it contains no commands; white space is reduced to single spaces."""
    # Control characters are invisible, and some of them stop LaTeX.
    visible = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cs", "Cn"}
    )
    return "".join(ESCAPES.get(character, character) for character in re.sub(" +", " ", visible))


def _largest(document: ExportedDocument) -> float:
    ordinary = document.mean[~np.array(document.special, dtype=bool)]
    return float(ordinary.max(initial=0))


def _pieces(document: ExportedDocument, largest: float) -> Iterator[str]:
    cursor = 0
    places = zip(document.tokens, document.starts, document.ends, document.mean, strict=True)
    for token, start, end, value in places:
        yield escape(document.text[cursor:start])
        # Tokens may share characters, such as the bytes of an emoji: they are shown for the first token.
        shown = document.text[max(start, cursor) : end]
        cursor = max(cursor, end)
        weight = round(100 * min(float(value) / largest, 1)) if largest else 0
        if not shown.strip():
            behind = " " if shown or start == end else "\\allowbreak{}"
            yield f"\\named{{{weight}}}{{{escape(token)}}}{behind}"
            continue
        # A box cannot be broken across lines, and its width is limited in TeX.
        parts = [shown[first : first + LONGEST_BOX] for first in range(0, len(shown), LONGEST_BOX)]
        yield "\\allowbreak ".join(f"\\tok{{{weight}}}{{{escape(part)}}}" for part in parts) + "\\allowbreak{}"
    yield escape(document.text[cursor:])
