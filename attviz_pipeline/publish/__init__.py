"""Publishing: a rendered site is checked, then pushed to a branch that a web server shows."""
