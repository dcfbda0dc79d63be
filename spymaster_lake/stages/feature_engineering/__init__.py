"""Stages of the pipeline `feature_engineering`."""
