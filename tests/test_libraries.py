"""timm and torchvision without torch's compiler: in new processes, since they are loaded once."""

import subprocess
import sys

LOADED = """
import sys
from headstart.backbones.libraries import load_timm
load_timm()
import timm, torchvision, torch
timm.create_model("tf_efficientnet_lite0")
assert not [name for name in sys.modules if name.startswith("torch._dynamo")]
boxes = torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]])
images = torch.arange(16.0).reshape(1, 1, 4, 4)
print(torchvision.ops.roi_align(images, boxes, 1).item())
import torch._dynamo.utils
print(torch._dynamo.utils.is_compile_supported("cpu"))
print(torch.compile(lambda x: x + 1, backend="eager")(torch.tensor(2.0)).item())
"""


def test_the_compiler_is_not_loaded_and_can_be():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["7.5", "True", "3.0"]


def test_a_torchvision_that_takes_more_of_the_compiler_loads_it():
    """Told by a finder that gives it such a module."""
    asks_more = """
import sys, importlib.abc, importlib.util
class Asks(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "torchvision" else None
    def exec_module(self, module):
        exec("from torch._dynamo.utils import counters, is_compile_supported", module.__dict__)
sys.meta_path.insert(0, Asks())
from headstart.backbones.libraries import load_torchvision
load_torchvision()
import torchvision
print(len(torchvision.counters))
"""
    done = subprocess.run([sys.executable, "-c", asks_more], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr
