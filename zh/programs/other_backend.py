"""第 16 课的另一个进程：不用 TensorFlow，加载同一个文件

本程序由 16_other_frameworks.py 启动。环境变量 KERAS_BACKEND 决定 Keras
用什么来计算。这里没有 `import lesson`，因为它会启动 TensorFlow。
"""

import sys
from pathlib import Path

# 上一级文件夹里有 data.py。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data

import keras
import numpy as np

folder = data.ROOT / "saved" / "16_other_frameworks"
if not (folder / "images.npz").exists():
    sys.exit("请先运行 16_other_frameworks.py：这个程序要读它写的文件。")
with np.load(folder / "images.npz") as images:
    x_few = images["x"]
    y_few = images["y"]
    saved_predictions = images["predictions"]

model = keras.models.load_model(folder / "mnist.keras")
predictions = model.predict(x_few, verbose=0)
difference = np.abs(predictions - saved_predictions).max()
bound = 1e-5 * np.abs(saved_predictions).max()  # float32 有七位有效数字
backend = keras.backend.backend()
print(f"   {backend}：预测结果的最大差值为 {difference:.1g}")
if difference > bound:
    sys.exit("差得太多。")

# 用 NumPy 作后端时，Keras 没有 `fit`。
if backend != "numpy":
    model.fit(x_few, y_few, shuffle=False, verbose=2)
    model.save(folder / f"{backend}.keras")
    model.save_weights(folder / f"{backend}.weights.h5")  # 包括 Adam 的状态
