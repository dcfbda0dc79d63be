"""Orchestration: session, registry, graph, runners, run records, control table (00 sections 4, 5)."""
