"""A task's samples by document, and what its metadata says."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lm_eval.api.task import Task

DocumentSamples = tuple[Mapping[str, Any], dict[str, Mapping[str, Any]]]
"""Any sample of a document, and its scored samples by filter: none where it failed."""


def by_document(samples: Sequence[Mapping[str, Any]], failed: Collection[int]) -> list[DocumentSamples]:
    documents: dict[int, DocumentSamples] = {}
    for sample in samples:
        by_filter = documents.setdefault(sample["doc_id"], (sample, {}))[1]
        if sample["doc_id"] not in failed:
            by_filter[sample["filter"]] = sample
    return [documents[document] for document in sorted(documents)]


def metadata_of(task: Task) -> Mapping[str, Any]:
    metadata = task.get_config("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
