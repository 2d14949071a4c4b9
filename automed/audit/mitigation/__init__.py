"""Ways of narrowing gaps between groups, and what each of them came to beside plain training.

`weights` makes group and class independent; `thresholds` decides by group; `choice` settles the attribute and the
strength of a penalty on validation; `figures` measures a model in groups; `table` compares, and `words` concludes.
"""
