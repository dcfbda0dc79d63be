"""Stages: pure functions per session date, Arrow tables in and out; never a path, never Spark."""
