"""What the test said of a finalist besides its scores: evaluation.json and robustness.json, read and drawn."""
