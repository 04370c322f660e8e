"""Weights of your own: any timm or torchvision architecture, from a safetensors file."""

import timm
from safetensors.torch import save_file

import headstart as hs

network = timm.create_model("test_resnet", num_classes=10)  # stands for a network you trained
save_file(network.state_dict(), "weights.safetensors")

run = hs.train("photos", backbone="file:weights.safetensors#timm:test_resnet", out="runs/own")
print(run.metrics["backbone"], run.metrics["verdict"]["decision"])
