"""The fake worker in a process whose leases are renewed and end quickly."""

from bench.run.process import leases
from tests.fakes.worker import KINDS, SERVICES

__all__ = ["KINDS", "SERVICES"]

leases.RENEW_SECONDS = 0.2
leases.EXPIRY_SECONDS = 6.0  # thirty renewals: a loaded machine must not end the lease of one that lives
