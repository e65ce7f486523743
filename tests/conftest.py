"""Fixtures that several modules share: sites, a server, and Chromium."""

from site_visits import browser, hostile_inputs, hostile_site, inputs, server, site, visitor

__all__ = ["browser", "hostile_inputs", "hostile_site", "inputs", "server", "site", "visitor"]
