"""Whether this machine can compile what is compiled where it runs."""

import pytest

from bench.model.native.library import native_library

needs_compiler = pytest.mark.skipif(native_library() is None, reason="no C++ compiler, or no AVX2")
