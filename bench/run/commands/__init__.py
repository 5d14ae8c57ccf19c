"""Commands beside `bench run` that use the same children, models and finished runs."""
