"""The stages that read a corpus from files or the hub, check it, split it, and divide it into shards."""
