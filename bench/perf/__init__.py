"""Speed as measured on this machine: the matmul peak, the doctor, two live workers stepped in turn.

Contract: a figure is measured here and now, or absent; nothing is looked up in a table of devices.
"""
