"""Methods: how knowledge is transferred. A method leaves a model, and what it was tried on."""
