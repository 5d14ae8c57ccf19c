"""Keys of a recipe that do not go together, or that would be accepted and ignored."""

from bench.suite.tables.training.adapter import TABLES, VIRTUAL_TOKEN_METHODS
from bench.suite.tables.training.command import command_faults
from bench.suite.tables.training.optimizer import ELEMENTWISE_OPTIMIZERS, FUSED_BACKWARD_OPTIMIZERS
from bench.suite.tables.training.recipe_keys import RecipeKeys
from bench.suite.tables.training.unsloth import unsloth_faults


def check_together(recipe: RecipeKeys) -> None:
    """Raises `ValueError` with the first fault."""
    _tables_and_numbers(recipe)
    _no_idle_key(recipe)
    _works_together(recipe)
    _shared_out(recipe)
    _own_program(recipe)
    _unsloth(recipe)
    _trains_or_not(recipe)


def _tables_and_numbers(recipe: RecipeKeys) -> None:
    for table in dict.fromkeys(TABLES.values()):
        if getattr(recipe, table) is not None and TABLES.get(recipe.method) != table:
            methods = " or ".join(f'"{method}"' for method, key in TABLES.items() if key == table)
            raise ValueError(f"a [{table}] table needs method = {methods}")
    if recipe.from_arm is not None and recipe.method == "qlora":
        raise ValueError('qlora quantises the base as it is stored: from needs method = "lora", or another')
    if recipe.quantization is not None and recipe.method != "qlora":
        raise ValueError('a [quantization] table needs method = "qlora"')
    if recipe.method == "peft" and recipe.peft is None:
        raise ValueError('method = "peft" needs a table, such as peft = { type = "LOHA", r = 8 }')
    if recipe.warmup >= 1 and recipe.warmup != int(recipe.warmup):
        raise ValueError("warmup is a share of the steps below 1, and a whole number of steps from 1")
    if recipe.min_learning_rate is not None:
        if recipe.schedule in {"constant", "constant_with_warmup", "inverse_sqrt"}:
            raise ValueError('min_learning_rate needs a schedule that ends, such as schedule = "linear" or "cosine"')
        if recipe.learning_rate is not None and recipe.min_learning_rate > recipe.learning_rate:
            raise ValueError("min_learning_rate is above learning_rate")


def _no_idle_key(recipe: RecipeKeys) -> None:
    """A key that would be accepted and ignored."""
    for key, schedule in (
        ("schedule_cycles", "cosine_with_restarts"),
        ("schedule_power", "polynomial"),
        ("schedule_decay", "warmup_stable_decay"),
    ):
        if recipe.differs(key) and recipe.schedule != schedule:
            raise ValueError(f'{key} needs schedule = "{schedule}"')
    if recipe.differs("betas") and "adam" not in recipe.optimizer:
        raise ValueError(f"betas belong to AdamW and similar optimisers; {recipe.optimizer} has none")
    if recipe.optimizer_modules and not recipe.optimizer.startswith(("galore", "apollo")):
        raise ValueError("optimizer_modules are for GaLore and APOLLO")
    if recipe.batch_tokens is not None and recipe.differs("batch_rows"):
        raise ValueError("give batch_rows or batch_tokens, not both")


def _works_together(recipe: RecipeKeys) -> None:
    if recipe.method in VIRTUAL_TOKEN_METHODS and recipe.packing in {"bfd", "bfd_split"}:
        raise ValueError(f"{recipe.method} puts its virtual tokens before a row: rows cannot share a sequence")
    if recipe.method == "prefix" and recipe.gradient_checkpointing:
        raise ValueError("prefix tuning hands its keys and values to the layers as a cache, which "
                         "gradient_checkpointing would drop")  # fmt: skip
    if recipe.packing == "wrapped" and recipe.group_by_length:
        raise ValueError("wrapped sequences are all of one length: remove group_by_length")
    if recipe.deepspeed is not None and recipe.fsdp is not None:
        raise ValueError("give deepspeed or fsdp, not both")
    if recipe.launch.strategy != "ddp" and (recipe.deepspeed is not None or recipe.fsdp is not None):
        raise ValueError(f"launch.strategy = {recipe.launch.strategy!r} writes the deepspeed or fsdp table: "
                         "give one of both")  # fmt: skip
    if recipe.validation is not None and recipe.sharded:
        raise ValueError("validation is not combined with deepspeed or fsdp here: no process has all weights")
    if recipe.torch_compile and recipe.sharded:
        raise ValueError("torch_compile is not combined with deepspeed or fsdp here")
    if recipe.fsdp_table is not None and recipe.optimizer not in ELEMENTWISE_OPTIMIZERS:
        raise ValueError(f"fsdp with {recipe.optimizer}: its state cannot be sharded with the weights; use one of "
                         f"{', '.join(sorted(ELEMENTWISE_OPTIMIZERS))}")  # fmt: skip


def _shared_out(recipe: RecipeKeys) -> None:
    if recipe.processes == 1:
        return
    if recipe.accumulation % recipe.processes:
        raise ValueError(f"launch.processes = {recipe.processes} share out the forward passes of a step: "
                         f"accumulation = {recipe.accumulation} is no multiple of it")  # fmt: skip
    if recipe.torch_compile:
        raise ValueError("launch.processes > 1 with torch_compile is not supported here")
    if recipe.optimizer in FUSED_BACKWARD_OPTIMIZERS:
        raise ValueError(
            f"launch.processes > 1 with {recipe.optimizer}: it steps before the gradients have been averaged"
        )
    if recipe.method == "pissa" and recipe.sharded:
        raise ValueError("launch.processes > 1 with pissa under deepspeed or fsdp: no process has the whole start")


def _own_program(recipe: RecipeKeys) -> None:
    """A command gets every key, but for those that decide its rows."""
    if recipe.command is None:
        if recipe.engine == "command":
            raise ValueError('engine = "command" needs command = { run = ["${python}", "train.py", "${rows}", '
                             '"${out}"], files = ["train.py"] }')  # fmt: skip
        return
    if recipe.engine != "command":
        raise ValueError('a [command] table needs engine = "command"')
    if recipe.method not in {"full", "lora"}:
        raise ValueError('a command writes an adapter (method = "lora") or a whole model (method = "full")')
    idle = {"validation", "launch", "packing", "deepspeed", "fsdp", "from_arm"}
    keys = recipe.model_dump(mode="json")
    given = {name: keys.get(name) for name in type(recipe).model_fields if recipe.differs(name)}
    for name in given.keys() & idle:
        raise ValueError(f"{'from' if name == 'from_arm' else name} is not handed to a command: remove it")
    for fault in command_faults(recipe.command, keys, given):
        raise ValueError(fault)


def _unsloth(recipe: RecipeKeys) -> None:
    """unsloth gets the keys that it was seen to follow."""
    if recipe.engine == "unsloth":
        given = frozenset(name for name in type(recipe).model_fields if recipe.differs(name))
        for fault in unsloth_faults(recipe.method, recipe.precision, given):
            raise ValueError(fault)


def _trains_or_not(recipe: RecipeKeys) -> None:
    if recipe.method != "few_shot":
        if recipe.shots is not None:
            raise ValueError('shots needs method = "few_shot"')
        if recipe.learning_rate is None and recipe.engine != "command":
            raise ValueError("learning_rate is missing")
        return
    if recipe.shots is None:
        raise ValueError('method = "few_shot" needs shots, the number of rows in the context')
    idle = [name for name in type(recipe).model_fields if name not in {"method", "shots"} and recipe.differs(name)]
    if idle:
        raise ValueError(f"few_shot trains nothing: remove {idle[0]}")
