"""The first import of a fork server: nothing that is imported is garbage, and looking for it takes a sixth of the time.

A child has the collector on again (`bench.run.process.child`).
"""

import gc

gc.disable()
