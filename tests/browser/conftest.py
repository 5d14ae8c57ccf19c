"""Pages of reports in a real browser: Chromium by Playwright (`make test-browser`); skipped where either is missing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium."""
    api = pytest.importorskip("playwright.sync_api")
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--font-render-hinting=none"]
        )
        yield running
        running.close()


@dataclass(kw_only=True)
class Visit:
    """An open page, and what it did beside showing itself. asked: addresses that it requested."""

    page: Any
    session: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def spent(self) -> float:
        """Seconds of processor time of the page's main thread, which other programs do not prolong."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(float(entry["value"]) for entry in metrics if entry["name"] == "ThreadTime")


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a file at a width, in a theme, with or without script; waits until its script has run."""
    contexts = []

    def open_page(
        file: Path, *, width: int = 1280, theme: str = "light", script: bool = True, ready: str = "data-whole"
    ) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=theme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8_000)
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        seen = Visit(page=page, session=session)
        page.on("console", lambda message: seen.said.append(message.text))
        page.on("pageerror", lambda error: seen.said.append(str(error)))
        page.on("request", lambda request: seen.asked.append(request.url))
        page.goto(file.as_uri())
        if script:
            page.wait_for_selector(f"xpath=/html/body[@{ready}]", timeout=30_000)  # CSS would walk the whole page
        return seen

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pages(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports by name: complete, broken (a training failed, scores are missing), hostile (all names and texts), shared
    (a copy without texts)."""
    from bench.report.compare import compare
    from bench.report.write import write_copy, write_report
    from tests.fakes.records import make_run

    shapes: dict[str, dict[str, Any]] = {
        "complete": {},
        "broken": {"failed_training": "alpaca_52k/lora#1", "missing": 0.05},
        "hostile": {"hostile": True},
    }
    files = {}
    for name, options in shapes.items():
        folder = tmp_path_factory.mktemp(name)
        write_report(make_run(folder, examples=40, **options))
        files[name] = folder / "report.html"
    folder = tmp_path_factory.mktemp("shared")
    write_copy(compare(make_run(examples=40), replicates=50), folder)
    return {**files, "shared": folder / "report.html"}


@pytest.fixture
def complete(visit: Callable[..., Visit], pages: dict[str, Path]) -> Visit:
    """The complete report, open."""
    return visit(pages["complete"])
