"""Behaviour: who chose what and when; what another shop's customers teach about one's own."""
