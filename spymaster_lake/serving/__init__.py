"""Strict serving: indices are loaded whole or not at all, and queries answered or refused."""
