"""Fill README's quotations of the example reports again: answers, tables and legends, to the letter.

The first screen quotes two answers, SECTIONS says which report a section's tables are of. What is said around them is
prose, and stays for its writer to read.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REAL, EXAMPLE = "example-real", "example"
QUOTED_IN_TURN = (REAL, EXAMPLE)  # the two answers of the first screen
SECTIONS = {"On a real model": REAL, "The result in full": EXAMPLE}
LEGENDS = ("Mean over ", "To decide it: ")
TABLE = re.compile(r"^\|.*\n(?:\|.*\n)+", re.MULTILINE)
QUOTATION = re.compile(r"^> .*\n(?:>.*\n)*", re.MULTILINE)


def main() -> None:
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    reports = {name: (ROOT / "reports" / name / "report.md").read_text(encoding="utf-8") for name in (REAL, EXAMPLE)}
    answers = iter(QUOTED_IN_TURN)
    text = QUOTATION.sub(lambda _: quotation(reports[next(answers)]), text)
    for title, name in SECTIONS.items():
        head, section, rest = re.split(rf"(^## {title}\n.*?)(?=^## )", text, maxsplit=1, flags=re.MULTILINE | re.DOTALL)
        text = head + filled(section, reports[name]) + rest
    page.write_text(text, encoding="utf-8")


def quotation(report: str) -> str:
    """What a report answers, before it explains the names of its arms."""
    answer = report.partition("## Answer\n\n")[2].partition("\n\nAn arm is named")[0]
    return "".join(f"> {line}".rstrip() + "\n" for line in answer.splitlines())


def filled(section: str, report: str) -> str:
    """The section with each table and each legend as the report has it."""
    tables = {heading(table): table for table in reversed(TABLE.findall(report))}  # the first of a heading counts
    section = TABLE.sub(lambda found: tables[heading(found[0])], section)
    for start in LEGENDS:
        written = re.compile(rf"^{start}.*$", re.MULTILINE)
        if written.search(section):
            section = written.sub(written.findall(report)[0].replace("\\", r"\\"), section)
    return section


def heading(table: str) -> str:
    """What its first column is called."""
    return table.partition("|")[2].partition("|")[0].strip()


if __name__ == "__main__":
    main()
