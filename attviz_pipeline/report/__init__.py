"""The browsable static site: artifacts become page views, views become pages."""
