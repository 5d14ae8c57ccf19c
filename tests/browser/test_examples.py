"""report.html in a browser: from a number to the examples behind it, and back."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Visit
from tests.browser.parts import Open, open_cell, unfold


def test_a_cell_leads_to_its_examples_and_back(complete: Visit) -> None:
    cell = open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    assert pane.get_by_label("Arm").input_value() == "lima_1k/full"
    assert pane.get_by_label("Against").input_value() == "base"
    assert re.search(r"lima_1k/full − base: \+0\.\d+ \[\+0\.\d+, \+0\.\d+\] better, p", pane.inner_text())
    first = pane.locator(".example").first
    unfold(first)
    said = first.inner_text()
    assert "Prompt" in said
    assert "Expected" in said
    assert {"base", "lima_1k/full"} <= set(first.locator("h4").all_inner_texts())
    assert first.locator("ins, del").count() > 0, "what differs is marked"
    assert re.search(r"#0 [✓✗]", said), "each seed has its score"
    first.get_by_role("button", name="Every arm's answer").click()
    assert first.locator("tbody th").filter(has_text="alpaca_52k/lora").count() > 0
    complete.page.keyboard.press("Escape")
    assert pane.is_hidden()
    assert cell.evaluate("button => button === document.activeElement")


def test_a_claim_leads_to_the_examples_of_its_two_arms(complete: Visit) -> None:
    """The button led to arm and base alone: of what the first sentence compares nothing seemed lost."""
    pane = complete.page.locator("#examples")
    sides = [pane.get_by_label(label) for label in ("Eval", "Arm", "Against")]
    complete.page.get_by_role("button", name="lima_1k/full > random_1k/full on qa", exact=True).click()
    assert [side.input_value() for side in sides] == ["qa", "lima_1k/full", "random_1k/full"]
    assert "Before the arrow: random_1k/full; after it: lima_1k/full. ✓ right, ✗ wrong." in pane.inner_text()
    complete.page.keyboard.press("Escape")
    complete.page.get_by_role("button", name="Examples", exact=True).click()
    assert [side.input_value() for side in sides] == ["instructions", "lima_1k/full", "alpaca_52k/full"]


@pytest.mark.parametrize(("name", "options"), [("choice", 2), ("qa", 0)])
def test_an_example_that_was_chosen_shows_what_it_was_chosen_from(complete: Visit, name: str, options: int) -> None:
    open_cell(complete, "lima_1k/full", name)
    first = complete.page.locator("#examples .example").first
    unfold(first)
    shown = first.locator(".options li").all_inner_texts()
    assert len(shown) == options
    assert sum(option.endswith(" ✓") for option in shown) == min(1, options), "the expected one"


def test_an_example_without_an_answer_says_what_was_scored(complete: Visit) -> None:
    """Of a likelihood of one text it said that options decide, of which there are none."""
    open_cell(complete, "lima_1k/full", "heldout")
    first = complete.page.locator("#examples .example").first
    unfold(first)
    assert first.inner_text().count("no text: the likelihood of the expected text decides") == 2


@pytest.mark.parametrize(("arm", "name", "show"), [("lima_1k/full", "qa", "gained"), ("lima_1k/full", "cloze", "lost")])
def test_a_cell_leads_to_the_examples_behind_its_word(complete: Visit, arm: str, name: str, show: str) -> None:
    """`worse` leads to what was lost, `better` to what was won; so do the differences of the eval's own table."""
    word = {"gained": "better", "lost": "worse"}[show]
    said = {"gained": "better than the other", "lost": "worse than the other"}[show]
    cells = complete.page.locator(f'button.cell:has(small)[title="Examples: {arm} on {name}, {said}"]')
    assert cells.count() >= 2
    complete.page.get_by_role("button", name="Unfold").click()
    for cell in cells.all():
        assert word in cell.inner_text()
        cell.click()
        assert complete.page.locator("#examples").get_by_label("Show").input_value() == show
        assert complete.page.locator("#examples .flip").count() > 0
        complete.page.keyboard.press("Escape")


def test_lost_examples_are_those_that_the_other_answered_better(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "cloze")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Show").select_option("lost")
    counted = re.search(r"worse on (\d+) .*of (\d+)", pane.inner_text())
    marks = pane.locator(".flip").all_inner_texts()
    assert len(marks) == min(25, int(counted[1])) > 0
    for mark in marks:
        before, after = (
            1.0 if side == "✓" else 0.0 if side == "✗" else float(side.rstrip("% ✓")) / 100
            for side in mark.split(" → ")
        )
        assert after < before


def test_a_lower_loss_is_better(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "heldout")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Show").select_option("gained")
    pairs = [[float(side) for side in mark.split(" → ")] for mark in pane.locator(".flip").all_inner_texts()]
    assert pairs
    assert all(after < before for before, after in pairs)


def test_any_two_arms_are_contrasted_by_the_report_s_rules(complete: Visit, pages: dict[str, Path]) -> None:
    open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    pane.get_by_label("Against").select_option("alpaca_52k/lora")
    assert "(against zero; Holm over all pairs of arms)" in pane.inner_text()
    words = re.search(r"lima_1k/full − alpaca_52k/lora: ([+−]?\d\.\d+) \[", pane.inner_text())
    scores = complete.page.locator('button.cell[title*=" on qa"]').evaluate_all(
        "cells => Object.fromEntries(cells.map(c => [c.title.split(',')[0], parseFloat(c.textContent)]).reverse())"
    )
    shown = scores["Examples: lima_1k/full on qa"] - scores["Examples: alpaca_52k/lora on qa"]
    assert float(words[1].replace("−", "-")) == pytest.approx(shown, abs=0.0015)


def test_a_search_finds_text_of_questions_and_answers(complete: Visit) -> None:
    open_cell(complete, "lima_1k/full", "qa")
    pane = complete.page.locator("#examples")
    identity = pane.locator(".example").nth(3)
    unfold(identity)
    name = re.search(r"Prompt \((.*)\)", identity.inner_text())
    pane.get_by_label("Search").fill(name[1].split(", ")[-1])
    assert 1 <= pane.locator(".example").count() < 25
    pane.get_by_label("Search").fill("nothing has these words")
    assert pane.locator(".example").count() == 0


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("Where is it?", "Where is it?"),
        ("Question: Where is it?\nAnswer:", "Question: Where is it?"),
        (
            "It lies by a river.\n\nQuestion: Where is it?\nThe right answer:\n",
            "It lies by a river. / Question: Where is it?",
        ),
        ("Answer:", "Answer:"),
        ("<|im_start|>user\nWhere is it?<|im_end|>\n<|im_start|>assistant\n", "Where is it?"),
        ("<|start_header_id|>user<|end_header_id|>\n\nWhere is it?<|eot_id|>", "Where is it?"),
    ],
)
def test_an_example_is_named_by_what_its_question_says(complete: Visit, question: str, shown: str) -> None:
    """By the last line alone, six of ten questions of a real run were `Answer:`."""
    script = complete.page.locator("script:not([type])").inner_text()
    (heading,) = re.findall(r"^function heading\(.*?^}$", script, re.S | re.M)
    assert complete.page.evaluate(f"(question) => {{ {heading} return heading(question); }}", question) == shown


def test_training_rows_show_what_is_learned(complete: Visit) -> None:
    complete.page.get_by_role("button", name="Training rows").click()
    rows = complete.page.locator("#rows")
    rows.get_by_label("Arm").select_option("random_1k/lora")
    text = rows.locator("pre")
    assert text.locator("mark").all_inner_texts() == [" In a town.</s>"]
    assert text.inner_text() == "User: Where is it? <b>\nAssistant: In a town.</s>"
    learned, masked = (text.locator(kind).evaluate("node => getComputedStyle(node).color") for kind in ("mark", "span"))
    assert learned != masked


def test_a_link_to_examples_opens_them(visit: Open, pages: dict[str, Path], browser: Any) -> None:
    seen = visit(pages["complete"])
    open_cell(seen, "random_1k/full", "choice")
    address = seen.page.url
    other = browser.new_page()
    other.goto(address)
    other.wait_for_selector("#examples:visible")
    assert other.locator("#examples").get_by_label("Arm").input_value() == "random_1k/full"
    other.close()
    seen.page.keyboard.press("Escape")
    seen.page.evaluate("address => { location.hash = address; }", address.partition("#")[2].replace("choice", "qa"))
    seen.page.wait_for_selector("#examples:visible")
    assert seen.page.locator("#examples").get_by_label("Eval").input_value() == "qa", "in an open page, too"
