"""Where torch's kernels are written is found without reading files, and whoever else asks for lines has them."""

import subprocess
import sys
from pathlib import Path

READ = (
    "import inspect, linecache\n"
    "import bench.run.process.kernel_sources\n"
    "from torch._library.utils import get_source\n"
    "def here(): return inspect.getframeinfo(inspect.currentframe()).code_context\n"
    "print('[' in str(here()))\n"
    "read, lines = [], linecache.getlines\n"
    "linecache.getlines = lambda *file: read.append(file) or lines(*file)\n"
    "print(get_source(1).endswith('kernels.py:8'), read)\n"
    "import torch\n"
    "@torch.library.custom_op('bench_test::same', mutates_args=())\n"
    "def same(x: torch.Tensor) -> torch.Tensor: return x.clone()\n"
    "@same.register_fake\n"
    "def _(x): return torch.empty_like(x)\n"
    "print(read)\n"
)


def test_torch_notes_the_place_of_a_kernel_and_reads_no_file(tmp_path: Path) -> None:
    file = tmp_path / "kernels.py"
    file.write_text(READ, encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "True []", "[]"]
