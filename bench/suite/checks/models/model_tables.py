"""Whether the base models that a suite names, and weights from elsewhere, are there and fit what is asked of them."""

from collections.abc import Iterator
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.card import card_folder, card_names, load_card
from bench.suite.catalog.template import TOKENIZER, load_template, no_thinking_switch
from bench.suite.checks.models.model_folder import (
    context_length,
    context_problem,
    given_problems,
    model_folder_problems,
)
from bench.suite.checks.models.template_tokens import token_problems
from bench.suite.reading.paths import beside
from bench.suite.tables.arms.given_arm import GivenArm
from bench.suite.tables.data import HUB_ID
from bench.suite.tables.models.model import ModelSpec
from bench.suite.tables.suite import Suite


def model_tables(suite: Suite) -> Iterator[tuple[str, ModelSpec]]:
    """Every base on this machine with its key path."""
    tables = {"model": suite.model, **{f"models.{name}": model for name, model in suite.models.items()}}
    yield from ((place, model) for place, model in tables.items() if model is not None and model.endpoint is None)


def model_problems(model: ModelSpec, base: Path, place: str) -> Iterator[Problem]:
    """An unknown card or template, a folder that is no model, keys that do not go together."""
    if model.template is not None and model.template != TOKENIZER:
        yield from _template_problems(model.template, base, place)
    yield from _switch_problems(model, base, place)
    if model.revision is not None and not _has_revisions(model):
        what = f"{place}.revision means a hub model; this one is a local folder"
        yield Problem(reference="model.revision", what=what, where=f"{place}.revision", hint="leave it out")
    if model.repo is not None and not HUB_ID.fullmatch(model.repo):
        hint = f'a hub id is OWNER/NAME; a local folder is path = "{model.repo}"'
        yield Problem(reference="model.repo", what=f"{model.repo!r} is not a hub id", where=f"{place}.repo", hint=hint)
    if model.path is not None:
        folder = beside(base, model.path, f"{place}.path")
        if not folder.exists() and HUB_ID.fullmatch(model.path):
            hint = f'name a folder that holds config.json; a model of the hub is repo = "{model.path}"'
            what = f"there is no folder {folder}"
            yield Problem(reference="model.missing", what=what, where=f"{place}.path", hint=hint)
            return
        yield from model_folder_problems(folder, f"{place}.path")
        yield from _token_problems(model, folder, base, place)
    if model.card is not None:
        if model.card not in card_names():
            what, suggestion = f"there is no model card {model.card!r}", did_you_mean(model.card, card_names())
            if "/" in model.card:
                key = "repo" if HUB_ID.fullmatch(model.card) else "path"
                suggestion = f'{suggestion}; without a card: {key} = "{model.card}"'
            yield Problem(reference="model.unknown-card", what=what, where=f"{place}.card", hint=suggestion)
            return
        card_model = card_folder(load_card(model.card))
        if card_model is not None:
            yield from model_folder_problems(card_model, f"{place}.card")


def given_arm_problems(arm: GivenArm, base: Path, place: str) -> Iterator[Problem]:
    """Folders of weights; what is on the hub is looked at when it is here."""
    for source in arm.sources:
        folder = beside(base, source, f"{place}.{arm.form}")
        if folder.exists() or not HUB_ID.fullmatch(source):
            yield from given_problems(folder, arm.form, f"{place}.{arm.form} = {source!r}")


def length_problems(suite: Suite, model: ModelSpec, base: Path, place: str) -> Iterator[Problem]:
    """Lengths that the suite asks for, against the positions that the model has, where these can be known now."""
    positions = _positions(model, base, place)
    if positions is None and model.path is not None and model.context_length is None:
        unstated = beside(base, model.path, f"{place}.path")
        if not model_folder_problems(unstated, place):
            yield context_problem(unstated, place)
    length = model.context_length
    if positions is not None and length is not None and length > positions:
        what, hint = (
            f"{place}.context_length is {length:,}, the model has {positions:,} positions",
            f"at most {positions}",
        )
        yield Problem(reference="model.context-length", what=what, where=f"{place}.context_length", hint=hint)
    most = min((value for value in (length, positions) if value is not None), default=None)
    for name, recipe in suite.recipe.items():
        if most is not None and recipe.max_length is not None and recipe.max_length > most:
            what = f"recipe.{name}.max_length is {recipe.max_length:,}, the model has {most:,} positions"
            hint = f"at most {most}, or remove it to use all of the model's positions"
            yield Problem(reference="recipe.max-length", what=what, where=f"recipe.{name}.max_length", hint=hint)


def _token_problems(model: ModelSpec, folder: Path, base: Path, place: str) -> Iterator[Problem]:
    """Tokens of the template without an embedding; a template that cannot be read has its own problem."""
    named = model.template not in (None, TOKENIZER)
    try:
        text = load_template(model.template or "", base).text if named else None
    except InputError:
        return
    yield from token_problems(folder, text, f"{place}.template")


def _template_problems(template: str, base: Path, place: str) -> Iterator[Problem]:
    try:
        load_template(template, base)
    except InputError as error:
        for problem in error.problems:
            yield Problem(
                reference=problem.reference, what=problem.what, where=problem.where or f"{place}.template",
                hint=problem.hint,
            )  # fmt: skip


def _switch_problems(model: ModelSpec, base: Path, place: str) -> Iterator[Problem]:
    """A named template, or a card's, whose thinking cannot be switched on; the tokenizer's own is seen by the plan."""
    name = model.template
    if name is None and model.card is not None and model.card in card_names():
        name = load_card(model.card).template
    if name is None or name == TOKENIZER or not model.thinking:
        return
    try:
        template = load_template(name, base)
    except InputError:
        return  # has its own problem
    if template.thinking_switch() is None:
        yield no_thinking_switch(template, f"{place}.thinking")


def _has_revisions(model: ModelSpec) -> bool:
    if model.card is not None and model.card in card_names():
        return load_card(model.card).repo is not None
    return model.path is None


def _positions(model: ModelSpec, base: Path, place: str) -> int | None:
    """Positions that the model's card or config states; `None` where that is not known yet, or it states none."""
    if model.card is not None:
        return load_card(model.card).context_length if model.card in card_names() else None
    return None if model.path is None else context_length(beside(base, model.path, f"{place}.path"))
