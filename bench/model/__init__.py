"""A base model: loading, chat template, parameters, memory."""
