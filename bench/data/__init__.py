"""Training rows, from a file or a hub to what a model reads.

Contract: `resolve` turns a suite's data into stored rows, named by their content; every row that is left out is counted
with its reason. Sub-rooms in the order of the flow: `sources` (bytes to records), `formats` (records to conversations),
`select` (which rows), `render` (conversations to token ids and the mask of what is supervised). `micro` generates the
invented world, a source that is embedded.
"""
