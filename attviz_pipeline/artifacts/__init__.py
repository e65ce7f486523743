"""The files in which stages meet: formats (`schemas`) and how they are read and written (`files`)."""
