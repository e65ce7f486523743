"""The browsable static site: artefacts become page views, views become pages."""
