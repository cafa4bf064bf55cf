"""Lesson 16, a program of PyTorch: weights from a safetensors file, without Keras

16_other_frameworks.py writes the file and starts this program.
"""

import sys
from pathlib import Path

# 上一级文件夹里有 data.py。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data

import numpy as np
import torch
from safetensors.torch import load_file

folder = data.ROOT / "saved" / "16_other_frameworks"
if not (folder / "mnist.safetensors").exists():
    sys.exit("请先运行 16_other_frameworks.py：这个程序要读它写的文件。")
with np.load(folder / "images.npz") as images:
    x_few = images["x"]
    saved_predictions = images["predictions"]


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(784, 64)
        self.logits = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.logits(torch.relu(self.hidden(x)))


model = Classifier()
model.load_state_dict(load_file(folder / "mnist.safetensors"))
model.eval()
with torch.no_grad():
    predictions = model(torch.from_numpy(x_few)).numpy()

largest = np.abs(saved_predictions).max()
difference = np.abs(predictions - saved_predictions).max() / largest
print(f"   PyTorch: predictions differ by at most {difference:.1g} of the largest")
if difference > 1e-5:  # float32 有七位有效数字
    sys.exit("差得太多。")
