"""What other programs call a key that a suite has under another name: the hint for those who come from there."""

from __future__ import annotations

_EPOCHS = '[budget] unit = "epochs", amount = 3'
_STEPS = '[budget] unit = "steps", amount = 1000'
_WARMUP = "warmup: below 1 a share of the steps, from 1 steps"
_ADAPTER = "lora = { r = 16, alpha = 32, dropout = 0.0 }"
_QUANTIZATION = 'method = "qlora", quantization = { bits = 4 }'
_LOSS_ON = 'loss_on = "completion", "assistant" or "all"'

HERE = {
    "lr": "learning_rate",
    "epochs": _EPOCHS,
    "num_epochs": _EPOCHS,
    "num_train_epochs": _EPOCHS,
    "steps": _STEPS,
    "max_steps": _STEPS,
    "batch_size": "batch_rows",
    "micro_batch_size": "batch_rows",
    "train_batch_size": "batch_rows",
    "per_device_train_batch_size": "batch_rows",
    "gradient_accumulation_steps": "accumulation",
    "max_seq_length": "max_length",
    "max_seq_len": "max_length",
    "sequence_len": "max_length",
    "cutoff_len": "max_length",
    "warmup_ratio": _WARMUP,
    "warmup_steps": _WARMUP,
    "lr_scheduler": "schedule",
    "lr_scheduler_type": "schedule",
    "optim": "optimizer",
    "optim_args": "optimizer_arguments",
    "bf16": 'precision = "bf16"',
    "fp16": 'precision = "fp16"',
    "gradient_clipping": "max_grad_norm",
    "sample_packing": 'packing = "bfd"',
    "lora_r": _ADAPTER,
    "lora_alpha": _ADAPTER,
    "lora_dropout": _ADAPTER,
    "lora_target_modules": 'lora = { target_modules = "all-linear" }',
    "load_in_4bit": _QUANTIZATION,
    "load_in_8bit": 'method = "qlora", quantization = { bits = 8 }',
    "train_on_inputs": _LOSS_ON,
    "completion_only_loss": _LOSS_ON,
    "assistant_only_loss": _LOSS_ON,
    "base_model": '[model] repo = "OWNER/NAME", or path = "FOLDER"',
    "model_name_or_path": '[model] repo = "OWNER/NAME", or path = "FOLDER"',
    "dataset": '[data.NAME] source = "rows.jsonl"',
    "datasets": '[data.NAME] source = "rows.jsonl"',
}
"""Lower-case key of transformers, TRL, PEFT, axolotl or LLaMA-Factory → what a suite has for it."""


def said_here(key: str) -> str | None:
    """The hint for a key that another program has; `None` for any other."""
    here = HERE.get(key.lower())
    return None if here is None else f"here it is {here}"
