"""From a TOML file to one raw table: `extends`, profiles, `--set`; and errors about keys in plain words.

Contract: no word of TOML's or pydantic's own reaches the reader; each error names the key, its place and a hint.
"""
