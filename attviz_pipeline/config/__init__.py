"""The typed, closed configuration of a study: its settings, how they are read, and the slice that each stage gets.

A study is one file. What it leaves out has the default given here; what it misspells is an error.
`config/schema.json` (for editors) and the table in `config/README.md` are generated from these models.
"""
