"""Fixtures that several modules share: sites, a server, Chromium, and a study to harm."""

from finished_study import finished_study
from site_visits import browser, hostile_inputs, hostile_site, inputs, sensitive_site, server, site, visitor

__all__ = [
    "browser",
    "finished_study",
    "hostile_inputs",
    "hostile_site",
    "inputs",
    "sensitive_site",
    "server",
    "site",
    "visitor",
]
