"""The command ``adapt``: from a labelled source to a target that looks different."""
