"""What `bench list` shows: what there is to name in a suite."""

from collections.abc import Callable, Iterator

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.card import card_names, load_card
from bench.suite.catalog.metrics import BEHAVIOUR, REFERENCE
from bench.suite.catalog.template import TOKENIZER, template_names
from bench.suite.load import build_all_profiles, read_suite_file, suite_names
from bench.suite.tables.evals.eval_spec import data_of
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.recipe import Recipe

ListingRow = dict[str, str | int | float | None]

REPRESENTATION = "words and word pairs, hashed into 256 signed counts"
"""What `diverse` compares rows by."""

_SELECTORS = {
    "all": "every row of the source",
    "first": "the first `size` rows",
    "random": "`size` rows drawn with `seed`",
    "longest": "the `size` rows with the longest answers",
    "score": "rows with at least `minimum` in `column`, or the `size` best of it",
    "diverse": f"`size` rows that cover the source: near-duplicates out, then k-centre greedy over {REPRESENTATION}",
    "holdout": "`size` rows drawn with `seed` for an eval, which no arm can then train on",
}
"""What `select.by` means, one sentence each. A test holds the names equal to the type's."""

_TEMPLATES = {
    "alpaca": "Alpaca's two prompts, with and without an input",
    "chatml": "<|im_start|>role … <|im_end|>",
    "colon": "instruction: input, and the answer right after it",
    "dialogue": "System:, User:, Assistant:",
    "plain": "the prompt as it is",
    TOKENIZER: "the chat template that the model's own tokenizer brings",
}


def listing(kind: str) -> list[ListingRow]:
    """Rows of one table, all with the same keys. Raises `InputError` for an unknown `kind`."""
    if kind not in _LISTS:
        what = f"there is no list of {kind!r}"
        raise InputError(Problem(reference="list.unknown", what=what, hint=did_you_mean(kind, _LISTS)))
    return list(_LISTS[kind]())


def _suites() -> Iterator[ListingRow]:
    for name in suite_names():
        file = read_suite_file(name)
        question = file.table.get("question")
        yield {
            "name": name,
            "question": question if isinstance(question, str) else None,
            "profiles": ", ".join(file.profiles),
            "default": file.default_profile,
        }


def _models() -> Iterator[ListingRow]:
    for name in card_names():
        card = load_card(name)
        yield {
            "name": name,
            "source": card.repo or card.path,
            "parameters": card.parameters,
            "context": card.context_length,
            "licence": card.licence,
            "gated": "yes" if card.gated else "no",
            "full GiB": card.memory_full_gib,
            "LoRA GiB": card.memory_lora_gib,
        }


def _evals() -> Iterator[ListingRow]:
    for name, profile, suite in _shipped():
        for spec in suite.eval:
            data = data_of(spec)
            yield {
                "suite": name,
                "profile": profile,
                "name": spec.name,
                "kind": spec.kind,
                "of": spec.examples_label if data is None else data.label,
                "role": spec.role,
            }


def _recipes() -> Iterator[ListingRow]:
    for name, profile, suite in _shipped():
        used = {arm.recipe for arm in suite.expand() if not arm.is_given}
        for recipe_name, recipe in suite.recipe.items():
            budget = recipe.budget or suite.budget
            if recipe_name in used and budget is not None:
                yield {
                    "suite": name,
                    "profile": profile,
                    "name": recipe_name,
                    "method": recipe.method,
                    "learning rate": _rates(recipe),
                    "schedule": recipe.schedule,
                    "rows per step": recipe.batch_rows * recipe.accumulation if recipe.rates else None,
                    "budget": f"{budget.amount:,.10g} {budget.unit}" if recipe.rates else None,
                }


def _rates(recipe: Recipe) -> str | float | None:
    """The rate, or those that a sweep chooses from."""
    if len(recipe.rates) > 1:
        return "one of " + ", ".join(f"{rate:g}" for rate in recipe.rates)
    return recipe.rates[0] if recipe.rates else None


def _selectors() -> Iterator[ListingRow]:
    return ({"name": name, "takes": text} for name, text in _SELECTORS.items())


def _templates() -> Iterator[ListingRow]:
    return ({"name": name, "writes": _TEMPLATES.get(name)} for name in template_names())


def _metrics() -> Iterator[ListingRow]:
    """Metrics of generated answers; lm-eval's tasks bring their own."""
    named = [(name, scale) for name, scales in REFERENCE.items() for scale in scales]
    for metric, scale in [*named, *((None, scale) for scale in BEHAVIOUR)]:
        better = "higher" if scale.higher_is_better else "lower"
        yield {
            "metric": metric or "(always)",
            "measure": scale.name,
            "better": better if scale.may_lead else "neither",
            "chance": scale.chance,
            "says": scale.says,
        }


def _shipped() -> Iterator[tuple[str, str, Suite]]:
    for name in suite_names():
        for profile, suite in build_all_profiles(name).items():
            yield name, profile, suite


_LISTS: dict[str, Callable[[], Iterator[ListingRow]]] = {
    "suites": _suites,
    "models": _models,
    "evals": _evals,
    "recipes": _recipes,
    "selectors": _selectors,
    "templates": _templates,
    "metrics": _metrics,
}
