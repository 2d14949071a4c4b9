"""How a model is used: the operating threshold of each question, and what it yields on the test records.

`threshold` chooses on validation; `rates`, `utility` and `curves` measure on the test, all on the same resamples of
`resampling`; `report` makes the JSON of it all.
"""
