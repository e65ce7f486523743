"""What each page shows: artefacts become frozen dataclasses that templates only have to write down."""
