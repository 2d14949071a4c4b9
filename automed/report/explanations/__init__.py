"""Explanations as the report shows them: read from their artefacts, drawn by kind of input, with their verdicts."""
