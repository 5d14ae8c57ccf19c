"""Where trainings could run: memory and hours on other devices, and the cheapest that fits.

Contract: from shapes and published figures of devices alone; nothing is measured.
"""
