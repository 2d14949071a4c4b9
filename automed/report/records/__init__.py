"""The records of a run on a page: how they came to be, and who is in which set."""
