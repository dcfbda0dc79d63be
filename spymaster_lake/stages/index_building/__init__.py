"""Stages of the pipeline `index_building`."""
