"""Logs of trainings, one kind a file: each reader turns a file into curves, or says in one line why it cannot."""
