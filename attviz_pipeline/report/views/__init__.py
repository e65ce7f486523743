"""What each page shows: artifacts become frozen dataclasses that templates only have to write down."""
