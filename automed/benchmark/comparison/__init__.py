"""What two points, or two engines, say of each other: paired tests, verdicts, ranks, and what else has changed."""
