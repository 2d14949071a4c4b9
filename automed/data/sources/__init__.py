"""Where records come from: one file a source, each `read(recipe) -> Records`."""
