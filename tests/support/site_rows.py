"""Every document row of a site's inputs."""

from attviz_pipeline.report.inputs import SiteInputs
from attviz_pipeline.report.rows import DocumentRow, iter_documents


def all_rows(inputs: SiteInputs) -> list[DocumentRow]:
    pairs = zip(inputs.attention, inputs.aggregates, strict=True)
    return [row for attention, aggregates in pairs for row in iter_documents(attention, aggregates)]
