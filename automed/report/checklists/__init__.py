"""Reporting checklists filled in from a run: what it holds, what a person must write, what does not apply."""
