"""What evidence measures for a task: its words and numbers, and the columns of its tables."""

from typing import NamedTuple

from attviz_pipeline.formats import difference, points, signed, significant

DIGITS = 3


class Scale(NamedTuple):
    """What changes without tokens or heads, in words, and how its numbers are written."""

    predicted: str
    """What the model predicts."""
    gold: str
    """The same of the gold value."""
    given: str
    """What falls without tokens, with a place for the `{model}`."""
    fall_of: str
    """The same without the model, of which the evidence has falls or, in regression, absolute changes."""
    short: str
    """The same where it was named before."""
    fall: str
    """fall, or change where both directions count."""
    log: str
    """What changes without a head."""
    gold_log: str
    """What changes without a head, where the gold value is known."""
    log_short: str
    """The same in few words."""
    log_name: str
    """What formulas call it."""
    log_unit: str
    """nats, or empty: the unit of the value."""
    measures: dict[str, str]
    """Names of the measures of the table `ablation_curves` by which orders of heads are judged."""
    strata: str
    """What samples are in proportion to, besides length."""
    towards: tuple[str, str]
    """What tokens with a positive gradient x input, or a fall without them, do; and those with a negative one."""
    groups: dict[str, str]
    """Names of the groups of documents with right and with other predictions."""
    flip: tuple[str, str, str]
    """What can become another one without a head or a token, what one does, and what several do."""
    shares: bool = True
    """Whether falls are differences of probabilities, which are written in points, and measures are shares."""

    @property
    def factor(self) -> int:
        """What numbers are multiplied by before they are written."""
        return 100 if self.shares else 1

    @property
    def unit(self) -> str:
        """`points`, or empty: the unit of the value."""
        return "points" if self.shares else ""

    def signed(self, value: float) -> str:
        """Write a fall or a difference of falls, without the unit."""
        return points(value) if self.shares else difference(value, DIGITS)

    def signed_alike(self, *values: float) -> list[str]:
        """Write numbers as `signed` does, with as many decimals, at most three, as show which of them are not 0."""
        if not self.shares:
            return [self.signed(value) for value in values]
        decimals = next((n for n in (1, 2) if all(round(value * 100, n) for value in values if value)), 3)
        return [signed(value * 100, decimals) for value in values]

    def size(self, value: float) -> str:
        """Write the size of a fall, without the unit."""
        return f"{abs(value) * 100:.1f}" if self.shares else significant(abs(value), DIGITS)

    def with_unit(self, words: str, separator: str = " ") -> str:
        """Add the unit of falls to some words."""
        return f"{words}{separator}{self.unit}" if self.unit else words

    def with_log_unit(self, words: str, separator: str = " ") -> str:
        """Add the unit of changes without a head to some words."""
        return f"{words}{separator}{self.log_unit}" if self.log_unit else words


class EvidenceColumns(NamedTuple):
    """Columns of the tables of evidence whose names depend on the task."""

    outputs: str = "probabilities"
    """Activated outputs of the whole document, [output] (`leave_one_out`)."""
    strength: str = "probability"
    """What falls without tokens, of the whole document (`document_faithfulness`)."""
    target: str = "log_probability"
    """What changes without a head, of the whole document (`gradients`, `document_ablations`)."""
    without_head: str = "predictions"
    """Predictions without each head (`document_ablations`); those without each layer are in `layer_predictions`."""
