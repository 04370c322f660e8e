"""Features: examples become vectors once, as fast as the machine allows, never again."""
