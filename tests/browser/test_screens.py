"""What the page looks like: the first screen and the plots at three widths, in both themes, against stored pictures.

`--update-golden` stores them anew. Pictures are compared small and soft, so that another version of the browser or of a
font is no failure, and a lost colour, a moved part or a missing plot is.
"""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Visit

SCREENS = Path(__file__).parent / "screens"
MEAN, APART, SHARE = 3.0, 48, 0.015
"""The most that two pictures may differ: levels of 255 on average, and the share of places that are far apart."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("part", ["top", "plots"])
def test_it_looks_as_it_did(
    visit: Callable[..., Visit], pages: dict[str, Path], width: int, theme: str, part: str, update_golden: bool
) -> None:
    seen = visit(pages["complete"], width=width, theme=theme)
    if part == "plots":
        figure = seen.page.locator("figure", has_text="Paired differences").first
        figure.evaluate("figure => figure.closest('details')?.setAttribute('open', '')")
        figure.evaluate("figure => scrollTo(0, figure.getBoundingClientRect().top + scrollY - 80)")
    picture = _half(seen.page.screenshot(animations="disabled"))
    file = SCREENS / f"{part}-{width}-{theme}.png"
    if update_golden:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture)
    mean, share = _differ(picture, file.read_bytes())
    assert mean <= MEAN
    assert share <= SHARE


def test_another_theme_and_a_missing_plot_are_seen() -> None:
    """The tolerance must let a font through, and no loss."""
    pytest.importorskip("PIL.Image")
    light, dark = ((SCREENS / f"plots-768-{theme}.png").read_bytes() for theme in ("light", "dark"))
    assert _differ(light, dark)[0] > 10 * MEAN
    assert _differ(light, _without_a_plot(light))[1] > SHARE


def _half(picture: bytes) -> bytes:
    """Small enough for a repository: half the size, few colours."""
    from PIL import Image

    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    small = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.BOX)
    buffer = io.BytesIO()
    small.quantize(96, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _small(picture: bytes) -> bytes:
    """Levels of red, green and blue at one size, whatever size the picture was stored in."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return image.resize((120, 120), Image.Resampling.BOX).tobytes()


def _differ(one: bytes, other: bytes) -> tuple[float, float]:
    apart = [abs(a - b) for a, b in zip(_small(one), _small(other), strict=True)]
    return sum(apart) / len(apart), sum(level > APART for level in apart) / len(apart)


def _without_a_plot(picture: bytes) -> bytes:
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.paste(image.getpixel((2, image.height - 2)), (0, image.height // 4, image.width // 2, image.height * 3 // 4))
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()
