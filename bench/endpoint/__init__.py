"""Text from a chat model: an OpenAI-compatible endpoint, or anything else that is a `Completer`.

Contract: every reply is on disk before it is used, so that nothing is paid for twice; keys come from the environment
and are neither recorded nor printed. Only the standard library is used for HTTP.
"""
