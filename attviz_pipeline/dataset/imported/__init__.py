"""Import of attention from AttViz's files: read, checked, and written as artifacts of this pipeline."""
