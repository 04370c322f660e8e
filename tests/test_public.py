"""The public surface: few names, light to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import headstart as hs


def test_every_public_name_is_there_and_sorted() -> None:
    assert hs.__all__ == sorted(hs.__all__)
    for name in hs.__all__:
        assert getattr(hs, name) is not None
    assert dir(hs) == sorted(hs.__all__)
    assert hs.load.__module__ == "headstart.opening"
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = hs.trian


@pytest.mark.parametrize(
    "heavy", ["torch", "timm", "openvino", "sklearn", "matplotlib", "numpy", "PIL"]
)
def test_importing_headstart_imports_nothing_heavy(heavy: str) -> None:
    code = f"import headstart, sys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("heavy", ["scipy.signal", "scipy.stats", "soundfile", "transformers"])
def test_all_modalities_are_loaded_without(heavy):
    """They are asked at every start what they recognise."""
    every = "from headstart.modalities import modality, names; [*map(modality, names())]"
    code = f"import sys; {every}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_line_starts_without_torch() -> None:
    code = (
        "import sys\n"
        "from headstart.cli import run\n"
        "run(['--version'])\n"
        "sys.exit(bool({'torch', 'timm', 'openvino', 'sklearn'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_predictions_do_not_wait_for_what_only_judging_needs() -> None:
    code = (
        "import sys, headstart.run, headstart.folder.schema\n"
        "sys.exit(bool({'torch', 'scipy', 'sklearn', 'matplotlib', 'jinja2'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_changes_no_global_state() -> None:
    code = (
        "import logging, os\n"
        "import numpy as np\n"
        "def state():\n"
        "    # scikit-learn sets KMP_ variables of its own when it is imported\n"
        "    environment = {k: v for k, v in os.environ.items() if not k.startswith('KMP_')}\n"
        "    seeds = np.random.get_state()[1].tolist()\n"
        "    return environment, seeds, logging.root.level, list(logging.root.handlers)\n"
        "before = state()\n"
        "import headstart.jobs.train, headstart.cli.train\n"
        "assert before == state()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
