"""Stages of the pipeline `episode_construction`."""
