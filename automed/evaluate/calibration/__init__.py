"""Do probabilities mean what they say, and the map that makes them: fitted on validation, kept with the model."""
