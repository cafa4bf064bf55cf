"""第 16 课的 PyTorch 程序：从 safetensors 文件加载权重，不用 Keras

16_other_frameworks.py 写出这个文件，并启动本程序。
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
print(f"   PyTorch：预测结果的最大差值，是最大值的 {difference:.1g} 倍")
if difference > 1e-5:  # float32 有七位有效数字
    sys.exit("差得太多。")
