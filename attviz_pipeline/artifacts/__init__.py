"""The files in which stages meet: formats (`all_schemas` lists them) and how they are read and written (`files`)."""
