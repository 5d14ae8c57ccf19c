"""Evals on generated answers: conversations, reference metrics, format checks, behaviour of the answers."""
