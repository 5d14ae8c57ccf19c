"""The flagship's shape, and the effects planted in it: which arm is how good at which eval."""

from bench.suite.tables.suite import Suite

DATA = ("lima_1k", "random_1k", "alpaca_52k")
RECIPES = ("full", "lora")
EVALS = ("qa", "choice", "instructions", "cloze", "heldout")

RIGHT: dict[str, dict[str, float]] = {
    "qa": {
        "base": 0.02,
        "lima_1k/full": 0.62,
        "lima_1k/lora": 0.48,
        "random_1k/full": 0.51,
        "random_1k/lora": 0.47,
        "alpaca_52k/full": 0.60,
        "alpaca_52k/lora": 0.49,
    },
    "choice": {
        "base": 0.26,
        "lima_1k/full": 0.52,
        "lima_1k/lora": 0.44,
        "random_1k/full": 0.45,
        "random_1k/lora": 0.41,
        "alpaca_52k/full": 0.50,
        "alpaca_52k/lora": 0.25,
    },
    "instructions": {
        "base": 0.05,
        "lima_1k/full": 0.40,
        "lima_1k/lora": 0.30,
        "random_1k/full": 0.28,
        "random_1k/lora": 0.24,
        "alpaca_52k/full": 0.33,
        "alpaca_52k/lora": 0.29,
    },
    "cloze": {
        "base": 0.93,
        "lima_1k/full": 0.80,
        "lima_1k/lora": 0.91,
        "random_1k/full": 0.81,
        "random_1k/lora": 0.92,
        "alpaca_52k/full": 0.84,
        "alpaca_52k/lora": 0.92,
    },
}
"""The planted probability of a right answer, by eval and arm."""
LOSS = {
    "base": 3.1,
    "lima_1k/full": 1.9,
    "lima_1k/lora": 2.2,
    "random_1k/full": 1.7,
    "random_1k/lora": 2.0,
    "alpaca_52k/full": 1.6,
    "alpaca_52k/lora": 1.9,
}
"""The planted held-out loss, in nats per supervised token."""


def make_suite(*, seeds: tuple[int, ...] = (0, 1, 2), claims: tuple[dict[str, object], ...] | None = None) -> Suite:
    """The flagship's shape: 3 data × 2 recipes, a size control, five evals."""
    default_claims: tuple[dict[str, object], ...] = (
        {"says": "lima_1k/full >= alpaca_52k/full", "on": "instructions", "margin": 0.02},
        {"says": "lima_1k/full > random_1k/full", "on": "qa"},
        {"says": "alpaca_52k/lora > base", "on": "choice"},
        {"says": "lima_1k/full == base", "on": "cloze", "margin": 0.02},
    )
    lm_eval = {"kind": "lm_eval", "include": "tasks/micro"}
    return Suite.model_validate(
        {
            "name": "lima_vs_alpaca",
            "question": "Do 1K curated rows beat 52K mixed ones, with full fine-tuning and with LoRA?",
            "seeds": seeds,
            "control": "random_1k",
            "model": {"card": "micro"},
            "data": {
                "lima_1k": {"source": "micro:curated"},
                "random_1k": {"source": "micro:mixed", "select": {"by": "random", "size": 1000}},
                "alpaca_52k": {"source": "micro:mixed"},
            },
            "recipe": {
                "full": {"method": "full", "learning_rate": 1e-3},
                "lora": {"method": "lora", "learning_rate": 5e-3, "lora": {"r": 16, "alpha": 32}},
            },
            "budget": {"unit": "tokens", "amount": 60_000},
            "arms": {"data": DATA, "recipe": RECIPES},
            "eval": [
                {**lm_eval, "name": "qa", "tasks": ["micro_qa_people", "micro_qa_towns"]},
                {**lm_eval, "name": "choice", "tasks": ["micro_choice"]},
                {**lm_eval, "name": "instructions", "tasks": ["micro_instructions"]},
                {**lm_eval, "name": "cloze", "tasks": ["micro_cloze"], "role": "retention", "template": "none"},
                {"kind": "loss", "name": "heldout", "data": {"source": "micro:heldout"}},
            ],
            "claim": default_claims if claims is None else claims,
        }
    )
