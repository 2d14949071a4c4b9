"""Whether a model serves groups of patients alike: figures of each group, gaps between groups, and a verdict of each.

`groups` divides records by an attribute or a crossing of two; `table` describes each group; `gaps` measures and tests;
`verdict` says within the limit, beyond it, or could not be decided; `stage` makes audit.json of it all.
"""
