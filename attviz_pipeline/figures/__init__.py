"""Figures of the study, each as SVG, PNG and the CSV of its numbers."""
