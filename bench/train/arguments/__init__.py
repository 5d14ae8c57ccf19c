"""A recipe as the libraries' arguments: PEFT's adapter, TRL's configuration, learning rates.

Contract: what a recipe says is what runs, whatever the libraries' defaults are; nothing here trains.
"""
