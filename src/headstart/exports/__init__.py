"""Export: a model leaves its run folder, handed over once it was shown to answer the same."""
