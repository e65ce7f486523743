"""Publishing: check a rendered site, and push it to a branch that a web server shows."""
