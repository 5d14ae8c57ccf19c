"""What the fork server of real jobs imports, once: what instant ones need, and the real worker with its libraries."""

import bench.worker
import tests.fakes.light

__all__ = ["bench", "tests"]
