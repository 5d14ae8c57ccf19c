"""One file per part of the report: each turns a `Comparison` into `Section`s of text and figures ready to print.

Contract: a section reads the comparison and no record. A figure that it prints is a key of `bench report --json`, in
another unit or with fewer digits, or the number, the least or the most of what is listed there.
"""
