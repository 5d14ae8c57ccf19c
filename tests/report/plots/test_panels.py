"""Plots: what they show is the comparison's, at the place where it belongs, and readable where it is read."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.plots.canvas import WIDTH, numbered
from bench.report.plots.draw import draw
from bench.report.plots.lines import Frame, Series, _thinned, line_panel
from bench.report.plots.rows import ArmRow, Guide, row_panel
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from tests.fakes.records import make_run

LOOK = numbered(0)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(make_run(examples=20), replicates=100)


@pytest.fixture(scope="module")
def drawings(comparison: Comparison) -> dict[str, Drawing]:
    return draw(comparison)


def parsed(panel: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(panel.svg())  # noqa: S314  our own text


def row(arm: str, value: float | None, *, filled: bool = True, word: str = "") -> ArmRow:
    return ArmRow(arm=arm, look=LOOK, value=value, low=None, high=None, says=f"{arm} {value}", filled=filled, word=word)


def marks(panel: Panel) -> dict[str, ElementTree.Element]:
    """By name, what is drawn of it; the legend comes last, and is left out."""
    return {group.attrib["data-arm"]: group for group in reversed(list(parsed(panel).iter("g")))}


def test_every_arm_of_every_eval_is_in_the_scores_with_its_figure(
    comparison: Comparison, drawings: dict[str, Drawing]
) -> None:
    panels = drawings["scores"].panels
    assert len(panels) == len(comparison.measurands)
    for panel, measurand in zip(panels, comparison.measurands, strict=True):
        for arm in comparison.arms:
            mean = comparison.results[arm, measurand.name].value.mean
            assert mean is not None
            title = marks(panel)[arm].findtext("title") or ""
            assert title.startswith(f"{arm} {mean:.3f}"), "a pointer on the mark reads the score"


def test_a_larger_value_is_further_right_and_its_interval_around_it() -> None:
    wide = ArmRow(arm="b", look=LOOK, value=0.8, low=0.7, high=0.9, says="b")
    panel = row_panel("t", [row("a", 0.2), wide])
    (small,), (large,) = (marks(panel)[arm].findall("circle") for arm in "ab")
    assert float(small.attrib["cx"]) < float(large.attrib["cx"])
    span = marks(panel)["b"].find("path[@class='span']")
    left, right = (float(x) for x in re.findall(r"[ML]([\d.]+),", span.attrib["d"]))
    assert left < float(large.attrib["cx"]) < right


def test_what_is_not_resolved_is_hollow_and_what_is_missing_a_word() -> None:
    panel = row_panel("t", [row("a", 1.0), row("b", 2.0, filled=False), row("c", None, word="failed")])
    assert "hollow" not in ElementTree.tostring(marks(panel)["a"], "unicode")
    assert "hollow" in ElementTree.tostring(marks(panel)["b"], "unicode")
    assert "c" not in marks(panel)
    assert "failed" in [text.text for text in parsed(panel).iter("text")]


def test_a_guide_that_would_squeeze_the_marks_is_left_out() -> None:
    rows = [row("a", 0.90), row("b", 0.92)]
    far, near = (Guide(value=value, name="chance", needed=False) for value in (0.25, 0.895))
    assert "chance" not in row_panel("t", rows, [far]).body
    assert "chance" in row_panel("t", rows, [near]).body


def test_long_names_are_above_their_marks_and_inside_the_panel() -> None:
    """At the width of a telephone, names of 30 letters beside the marks would leave no room for these."""
    long = "tulu_mix_50k/lora_r16_lr1e-4_e3"
    panel = row_panel("t", [row(long, 1.0), row("b", 2.0)])
    (circle,) = marks(panel)[long].findall("circle")
    (name,) = (text for text in parsed(panel).iter("text") if text.text == long)
    assert float(name.attrib["y"]) < float(circle.attrib["cy"])
    assert float(marks(panel)["b"].findall("circle")[0].attrib["cx"]) > WIDTH / 2


def test_lines_pass_through_their_values_and_name_their_axes() -> None:
    series = Series(name="d", look=LOOK, x=[0, 100, 200], y=[4.0, 2.0, 1.0])
    panel = line_panel(Frame(title="full", x_title="tokens seen", y_title="nats"), [series])
    group = marks(panel)["d"]
    low, high, start, end = (float(text) for text in group.attrib["data-axes"].split()[:4])
    curve = group.find("path")
    places = [float(x) for x in re.findall(r"[ML]([\d.]+),", curve.attrib["d"])]
    values = [low + (place - start) / (end - start) * (high - low) for place in places]
    assert values == pytest.approx([0, 100, 200], abs=0.5)
    assert {"tokens seen", "nats", "full", "d"} <= {text.text for text in parsed(panel).iter("text")}


def test_no_peak_is_lost_where_points_are_left_out() -> None:
    points = [(float(step), 9.0 if step == 1234 else 1.0) for step in range(5000)]
    kept = _thinned(points)
    assert len(kept) <= 500
    assert (1234.0, 9.0) in kept
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]


def test_one_arm_has_its_steps_along_the_top() -> None:
    """A loss over tokens alone cannot be laid beside a published one over steps."""
    series = Series(name="d", look=LOOK, x=[100, 300, 400, 500], y=[300.0, 200.0, 150.0, 100.0])
    panel = line_panel(Frame(title="r", x_title="tokens seen", steps=[100, 300, 400, 500]), [series])
    texts = {text.text: text for text in parsed(panel).iter("text")}
    curve = marks(panel)["d"].find("path")
    places = [float(x) for x in re.findall(r"[ML]([\d.]+),", curve.attrib["d"])]
    assert float(texts["2"].attrib["x"] if "2" in texts else texts["step 2"].attrib["x"]) == pytest.approx(
        places[1], abs=0.2
    )


def test_training_has_its_gradient_norms_and_rates(comparison: Comparison, drawings: dict[str, Drawing]) -> None:
    for name in ("gradient_norm", "learning_rate"):
        drawn = [
            group for panel in drawings[name].panels for group in parsed(panel).iter("g") if "data-axes" in group.attrib
        ]
        lines = sum(len(getattr(curve, name)) for curve in comparison.curves)
        assert len(drawn) == lines > 0


def test_colours_are_the_reader_s(drawings: dict[str, Drawing]) -> None:
    """White plots in a dark page: a colour that is written into a panel cannot follow its page."""
    for drawing in drawings.values():
        for panel in drawing.panels:
            assert not re.search(r"#[0-9a-fA-F]{3,6}\b|rgb|style=", panel.svg())
        assert "prefers-color-scheme: dark" in drawing.document()


def test_a_panel_reads_at_the_width_of_a_telephone(drawings: dict[str, Drawing]) -> None:
    """250 x 50 pixels were seen at 360 px: a whole row of plots in one picture."""
    for drawing in drawings.values():
        for panel in drawing.panels:
            assert panel.width <= WIDTH
            assert panel.height >= 60
            assert panel.label


def test_names_from_an_enemy_stay_text() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m&"
    text = row_panel(hostile, [row(hostile, 1.0)]).svg()
    assert "<script" not in text
    assert "\x1b" not in text
    assert ElementTree.fromstring(text)  # noqa: S314  our own text


def test_a_file_holds_every_panel_beside_or_below_the_others(drawings: dict[str, Drawing]) -> None:
    for drawing in drawings.values():
        whole = ElementTree.fromstring(drawing.document())  # noqa: S314  our own text
        places = [(float(part.attrib["x"]), float(part.attrib["y"])) for part in whole if part.tag.endswith("svg")]
        assert len(set(places)) == len(places) == len(drawing.panels)
        assert max(x for x, _ in places) + WIDTH <= float(whole.attrib["width"])


def test_drawing_twice_gives_the_same_bytes(comparison: Comparison, drawings: dict[str, Drawing]) -> None:
    """A report kept in git must not change by being redrawn."""
    assert {name: drawing.document() for name, drawing in draw(comparison).items()} == {
        name: drawing.document() for name, drawing in drawings.items()
    }


def test_a_claims_difference_is_beside_what_it_asks(comparison: Comparison, drawings: dict[str, Drawing]) -> None:
    """An interval beside a line at the wrong side of zero would show another verdict."""
    panels = drawings["claims"].panels
    assert len(panels) == 4, "each on an eval of its own"
    titles = [title.text or "" for panel in panels for title in parsed(panel).iter("title")]
    for claim in comparison.claims:
        assert any(f"{claim.claim.says}: {claim.seen}, {claim.verdict.outcome}" in title for title in titles)
    first = comparison.claims[0]
    assert first.delta.estimate is not None
    assert fmt.points(first.delta.estimate, signed=True) in [
        text.text for text in parsed(panels[0]).iter() if text.text
    ]
    (zero,) = guides(panels[0], "zero")
    (asked,) = guides(panels[0], "zero dashed")
    assert asked < zero, "not worse by more than the margin: below zero, where higher is better"
    assert len(guides(panels[3], "zero dashed")) == 2, "equal within the margin has two ends"


def test_each_panel_of_claims_has_a_title_of_its_own() -> None:
    """Two panels of one title, as of two margins on one eval, cannot be told apart."""
    asked = ((">=", 0.02), (">=", 0.1), (">", 0.0))
    claims = tuple(
        {"says": f"lima_1k/full {relation} base", "on": "qa", "margin": margin} for relation, margin in asked
    )
    panels = draw(compare(make_run(claims=claims, examples=20), replicates=100))["claims"].panels
    titles = [panel.title for panel in panels]
    assert titles == ["Not worse on qa, margin 0.020?", "Not worse on qa, margin 0.100?", "Better on qa?"]


def guides(panel: Panel, kind: str) -> list[float]:
    """Places of the vertical lines of a kind."""
    found = [line.attrib["d"] for line in parsed(panel).iter() if line.attrib.get("class") == kind]
    return [float(text.removeprefix("M").partition(",")[0]) for text in found]
