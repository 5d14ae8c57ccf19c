"""A page of HTML as a browser would make of it."""

from html.parser import HTMLParser

VOID = {"meta", "img"}
REACHING_OUT = {"href", "src", "srcset", "action", "data", "poster"}


class Page(HTMLParser):
    """What a browser would make of it: text, tags, attributes; every tag closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def assert_inert(self) -> None:
        """Nothing in it loads anything, and no attribute is a script; the page's own script is the policy's to hold."""
        assert not self.tags & {"iframe", "object", "embed", "form", "link", "base", "img"}
        for name, value in self.attributes:
            assert not name.startswith("on")
            if name in REACHING_OUT:
                assert value.startswith("#s")
