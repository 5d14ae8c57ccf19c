"""One file per part of the report: each turns a `Comparison` into `Section`s of text and figures ready to print."""
