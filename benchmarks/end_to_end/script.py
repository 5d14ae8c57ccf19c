"""The question answered by a script of TRL's `SFTTrainer` and lm-evaluation-harness, as one would write it.

Tuned for a processor: no checkpointing, rows of similar length together, batches of 16.
"""

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from benchmarks.end_to_end.question import RATES, ROOT, TASKS, Question, Scores

DIALOGUE = ROOT / "bench" / "suite" / "catalog" / "templates" / "dialogue.jinja"
METRICS = ("prompt_level_strict_acc,none", "exact_match,none", "acc,none")


class Script:
    """What one would write: score the base; for each arm train, and score."""

    def __init__(self, question: Question) -> None:
        from lm_eval.tasks import TaskManager
        from transformers import AutoTokenizer

        self.question, self.scores = question, Scores()
        self.tokenizer = AutoTokenizer.from_pretrained(question.base)
        if not self.tokenizer.chat_template:
            self.tokenizer.chat_template = DIALOGUE.read_text(encoding="utf-8")
        self.manager = TaskManager(include_path=str(TASKS))

    def run(self) -> Scores:
        """Scores of everything."""
        os.chdir(TASKS)  # the tasks name their rows from there
        self.evaluate("base", self.base())
        for arm, data, method in self.question.arms:
            self.evaluate(arm, self.trained(data, method))
        return self.scores

    def base(self) -> Any:
        """The base, anew."""
        import torch
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self.question.base, dtype=torch.float32)

    def learned(self, data: str) -> Any:
        """As many rows as the steps take, in TRL's form; of the curated ones all."""
        import random

        from datasets import Dataset

        from bench.data.micro.rows import rows

        found = rows("curated" if data == "curated" else "mixed")
        if data == "random":
            found = random.Random(0).sample(found, 1000)
        found = found[: self.question.steps * self.question.batch]
        return Dataset.from_list([self.conversation(row) for row in found])

    def conversation(self, row: Mapping[str, str]) -> dict[str, Any]:
        """One row with its prompt apart."""
        asked, answer = " ".join(filter(None, (row["instruction"], row["input"]))), row["output"]
        return {
            "prompt": [{"role": "user", "content": asked}],
            "completion": [{"role": "assistant", "content": answer}],
        }

    def trained(self, data: str, method: str) -> Any:
        """The base after one arm's training."""
        from peft import LoraConfig
        from trl import SFTConfig, SFTTrainer

        with tempfile.TemporaryDirectory() as out:
            arguments = SFTConfig(
                output_dir=out, max_steps=self.question.steps, per_device_train_batch_size=self.question.batch,
                learning_rate=RATES[method], bf16=self.question.precision == "bf16", use_cpu=True,
                gradient_checkpointing=False,
                train_sampling_strategy="group_by_length", report_to="none", save_strategy="no", disable_tqdm=True,
                seed=0, lr_scheduler_type=self.question.schedule, warmup_steps=self.question.warmup,
            )  # fmt: skip
            lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if method == "lora" else None
            trainer = SFTTrainer(
                model=self.base(), args=arguments, train_dataset=self.learned(data), processing_class=self.tokenizer,
                peft_config=lora,
            )  # fmt: skip
            trainer.train()
        return trainer.model

    def evaluate(self, name: str, model: Any) -> None:
        """Score one model on everything."""
        import torch
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        if self.question.precision == "bf16":
            model = model.to(torch.bfloat16)
        language_model = HFLM(pretrained=model.eval(), tokenizer=self.tokenizer, batch_size=16)
        for tasks, templated in ((self.question.templated, True), (self.question.plain, False)):
            names = [f"micro_{task}" for task in tasks]
            found = simple_evaluate(
                model=language_model, tasks=names, limit=self.question.limit, task_manager=self.manager,
                apply_chat_template=templated,
            )["results"] if names else {}  # fmt: skip
            for task in tasks:
                of_task = found[f"micro_{task}"]
                self.scores[name, task] = next(of_task[key] for key in METRICS if key in of_task)
        if self.question.held_out:
            self.scores[name, "heldout_clean"] = self.loss(model)

    def loss(self, model: Any) -> float:
        """Mean negative log-likelihood of the held-out answers' tokens."""
        import torch

        from bench.data.micro.rows import rows

        held, total, tokens = [self.encoded(row) for row in rows("heldout")], 0.0, 0
        held.sort(key=lambda row: len(row[0]))
        for start in range(0, len(held), 16):
            batch = held[start : start + 16]
            width = max(len(ids) for ids, _ in batch)
            ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in batch])
            labels = torch.tensor([[-100] * at + row[at:] + [-100] * (width - len(row)) for row, at in batch])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row, _ in batch])
            with torch.inference_mode():
                logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].flatten(0, 1)
            total += float(torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), reduction="sum"))
            tokens += int((labels[:, 1:] != -100).sum())
        return total / tokens

    def encoded(self, row: Mapping[str, str]) -> tuple[list[int], int]:
        """Token ids of a row, and where its answer begins."""
        turns = self.conversation(row)
        asked = self.tokenizer.apply_chat_template(turns["prompt"], tokenize=False, add_generation_prompt=True)
        whole = self.tokenizer.apply_chat_template(turns["prompt"] + turns["completion"], tokenize=False)
        prompt = self.tokenizer(asked)["input_ids"]
        return prompt + self.tokenizer(whole[len(asked) :], add_special_tokens=False)["input_ids"], len(prompt)
