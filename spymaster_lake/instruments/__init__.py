"""Stage overrides by instrument; empty where the shared stages serve every instrument."""
