"""transformers' models are found by the list that transformers made, which is the one that they would have made."""

import subprocess
import sys

SHARED = (
    "import sys, bench.run.process.shared_listing, transformers\nfrom transformers.utils import import_utils as utils\n"
)
LIST_ANEW = "utils.spread_import_structure(utils.create_import_structure_from_path(folder))"


def printed(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_files_of_all_models_are_not_read_again() -> None:
    code = (
        "from pathlib import Path\n"
        "read, listing = [], utils.create_import_structure_from_path\n"
        "utils.create_import_structure_from_path = lambda path: read.append(Path(path)) or listing(path)\n"
        "from transformers.models.llama import LlamaConfig\n"
        "print(LlamaConfig.model_type, 'models' in {path.parent.name for path in read})\n"
    )
    assert printed(SHARED + code) == ["llama", "False"]


def test_the_list_is_the_models_own() -> None:
    code = (
        "from pathlib import Path\nimport transformers.models\n"
        "folder = Path(utils.__file__).parents[1] / 'models'\n"
        f"print(utils.define_import_structure(str(folder / '__init__.py')) == {LIST_ANEW})\n"
        "other = folder / 'llama'\n"
        "print(utils.define_import_structure(str(other)) == utils.spread_import_structure("
        "utils.create_import_structure_from_path(other)))\n"
    )
    assert printed(SHARED + code) == ["True", "True"]


def test_the_names_of_a_file_are_looked_for_from_its_end_and_are_the_same() -> None:
    listed = (
        "from pathlib import Path\nfrom transformers.utils import import_utils as utils\n"
        "files = sorted((Path(utils.__file__).parents[1] / 'models').rglob('*.py'))\n"
        "names = [utils.fetch__all__(file.read_text(encoding='utf-8')) for file in files]\n"
        "print(utils.fetch__all__.__module__, sum(map(len, names)), hashlib.sha256(repr(names).encode()).hexdigest())\n"
    )
    [ours, *found], [theirs, *expected] = (printed(f"import hashlib\n{code}{listed}") for code in (SHARED, ""))
    assert (ours, theirs) == ("bench.run.process.shared_listing", "transformers.utils.import_utils")
    assert found == expected
    assert int(found[0]) > 1_000
