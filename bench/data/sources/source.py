"""One thing that rows are read from."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.data.formats.conversation import Rules
from bench.suite.tables.data import Columns, OddRows

SourceKey = tuple[str, Columns | None, Rules, OddRows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing to read, for all the data that names it."""

    label: str
    """Name in the suite; shown in messages."""
    origin: str
    """What the rows' origins begin with: a file's name, else the label."""
    files: tuple[Path, ...]
    """Empty for the micro world."""
    folder: Path | None = None
    """Folder of the files, for a source that is a folder."""
    columns: Columns | None
    revision: str | None
    sha256: str
    """Hash of the files; the micro world's generator is code, and hashed as such."""
    rules: Rules = field(default_factory=Rules)
    faulty: OddRows = "repair"
    """What becomes of rows that cannot be read; see `bench.suite.tables.data.DataSpec.odd_rows`."""

    @property
    def key(self) -> SourceKey:
        """Equal for data that can share one reading."""
        return (self.label + self.sha256, self.columns, self.rules, self.faulty)
