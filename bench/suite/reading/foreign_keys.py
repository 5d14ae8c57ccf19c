"""What other programs call a key that a suite has under another name: the hint for those who come from there."""

from bench.suite.reading.key_types import KeyPath

_EPOCHS = '[budget] unit = "epochs", amount = 3'
_STEPS = '[budget] unit = "steps", amount = 1000'
_WARMUP = "warmup: below 1 a share of the steps, from 1 steps"
_ADAPTER = "lora = { r = 16, alpha = 32, dropout = 0.0 }"
_QUANTIZATION = 'method = "qlora", quantization = { bits = 4 }'
_LOSS_ON = 'loss_on = "completion", "assistant" or "all"'
_BEST = '[evaluate_at] keep = "best on EVAL", or validation = { keep_best = true } by the loss on held-out rows'
_PATIENCE = "[evaluate_at] patience = 3, or validation = { patience = 3 }"
_PROCESSES = "launch = { processes = 2 } in a [recipe] table, one GPU each"
_NODES = "launch = { processes = 16, nodes = 2 } in a [recipe] table"

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
    "report_to": '[run] track = ["wandb"]',
    "gpus": _PROCESSES,
    "num_gpus": _PROCESSES,
    "n_gpus": _PROCESSES,
    "devices": _PROCESSES,
    "world_size": _PROCESSES,
    "processes": _PROCESSES,
    "num_processes": _PROCESSES,
    "nproc_per_node": _PROCESSES,
    "nnodes": _NODES,
    "num_nodes": _NODES,
    "num_machines": _NODES,
    "zero_stage": 'launch = { processes = 8, strategy = "zero2" }',
    "max_tokens": "decoding = { max_new_tokens = 256 }",
    "do_sample": "decoding = { temperature = 0.7 }",
    "eval_steps": "validation = { every = 100 } for a loss, [evaluate_at] every = 100 for evals",
    "load_best_model_at_end": _BEST,
    "metric_for_best_model": _BEST,
    "early_stopping_patience": _PATIENCE,
    "save_steps": "[run] steps_between_saves = 100",
    "seed": "seeds = [0, 1, 2], above the first [table]",
    "bf16": 'precision = "bf16"',
    **dict.fromkeys(("dtype", "torch_dtype"), 'precision = "bf16" in a [recipe] table and in [evaluation]'),
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


NO_KEY = {
    "device": "a job takes the GPU that it sees (CUDA_VISIBLE_DEVICES), else the processor",
    "output_dir": "reports go to --reports DIR, weights to BENCH_HOME; `bench weights RUN ARM --out DIR` copies them",
    "hub_model_id": "`bench weights RUN ARM --out DIR` writes a folder to upload",
    "tokenizer": "a model's own folder has its tokenizer",
}
"""Lower-case key of other programs → what takes its place outside the suite."""


VALUES: dict[str, dict[str, str]] = {
    "method": {
        **dict.fromkeys(
            ("sft", "finetune", "fine-tune", "full_finetune", "full_finetuning", "fft", "none"),
            'method = "full" for all weights, method = "lora" for an adapter',
        ),
        **dict.fromkeys(
            ("dpo", "orpo", "kto", "ppo", "grpo", "rlhf"),
            "this is supervised fine-tuning alone; of preference rows the chosen side is trained on",
        ),
        "adapter": 'method = "lora"',
        "prompt_tuning": 'method = "prompt"',
        "prefix_tuning": 'method = "prefix"',
        "fewshot": 'method = "few_shot"',
    },
    "unit": {
        **dict.fromkeys(("epoch", "num_train_epochs"), 'unit = "epochs"'),
        **dict.fromkeys(("step", "max_steps", "iterations"), 'unit = "steps"'),
        **dict.fromkeys(("hours", "minutes", "time"), 'unit = "seconds"'),
    },
    "kind": {
        **dict.fromkeys(("lm-eval", "lm_evaluation_harness", "harness", "tasks"), 'kind = "lm_eval"'),
        **dict.fromkeys(("perplexity", "ppl", "heldout"), 'kind = "loss"'),
        **dict.fromkeys(("generate", "rouge", "bleu"), 'kind = "generation"'),
        **dict.fromkeys(("llm_judge", "pairwise", "winrate"), 'kind = "judge"'),
    },
}
"""Key → lower-case value of other programs → what a suite has for it."""


_SOURCE = 'source = "rows.jsonl", a folder, or "OWNER/NAME" of the hub'
_BASE = 'repo = "OWNER/NAME" of the hub, or path = "FOLDER"'
_ROWS = 'data = { source = "rows.jsonl" }'
_FIRST = 'data = { source = "rows.jsonl", select = { by = "first", size = 100 } }'
_OF_ROWS = {
    **dict.fromkeys(("source", "file", "path", "dataset"), _ROWS),
    **dict.fromkeys(("limit", "size", "num_examples"), _FIRST),
}
_KEY = 'key_env = "OPENAI_API_KEY", the name of an environment variable: no suite holds a key'
IN_TABLE: dict[str, dict[str, str]] = {
    "endpoint": {
        **dict.fromkeys(("api_key", "key", "token", "api_key_env"), _KEY),
        **dict.fromkeys(("url", "api_base", "base", "host"), 'base_url = "http://localhost:8000/v1"'),
        "name": "model",
    },
    "select": {
        **dict.fromkeys(("n", "count", "rows", "limit", "k", "num_samples"), "size"),
        **dict.fromkeys(("strategy", "method", "type", "kind"), 'by = "random"'),
    },
    **dict.fromkeys(("generation", "loss", "judge"), _OF_ROWS),
    "data": dict.fromkeys(("path", "file", "files", "data_files", "dataset", "repo", "hub", "url", "name"), _SOURCE),
    **dict.fromkeys(("model", "models"), dict.fromkeys(("name", "id", "name_or_path", "model"), _BASE)),
    "lora": {"rank": "r", "lora_alpha": "alpha", "lora_r": "r", "lora_dropout": "dropout", "modules": "target_modules"},
    "choice": {
        "columns": 'question = "COLUMN", choices = "COLUMN", answer = "COLUMN"',
        "data": 'source = "rows.jsonl"',
        "prompt": 'question = "COLUMN"',
        "options": 'choices = "COLUMN"',
        **dict.fromkeys(("label", "target", "completion"), 'answer = "COLUMN"'),
    },
}
"""Table, or kind of eval → lower-case key of other programs and tables → what the table has for it."""


def here_it_is(key: str, parent: KeyPath, kind: str | None = None) -> str | None:
    """The hint for a key that another program has, written in the table `parent`, which is of a `kind`; `None` for any
    other."""
    named = str(parent[0 if len(parent) == 2 else -1]) if parent else ""
    tables = [IN_TABLE.get(table, {}) for table in (kind or named, *map(str, parent[-1:]))]
    here = next((table[key.lower()] for table in tables if key.lower() in table), None) or HERE.get(key.lower())
    return NO_KEY.get(key.lower()) if here is None else f"here it is {here}"


def here_it_is_called(key: str, value: object) -> str | None:
    """The hint for a value that another program has under a key; `None` for any other."""
    here = VALUES.get(key, {}).get(str(value).lower())
    return here if here is None or here.startswith("this is") else f"here it is {here}"
