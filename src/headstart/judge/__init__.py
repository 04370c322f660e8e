"""Judging: how good the model is, and whether the pretrained knowledge helped. Arrays only."""
