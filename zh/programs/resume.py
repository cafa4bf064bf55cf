"""Lesson 2, the second process: load the model and continue training

02_save_load_full_model.py starts this program. When that lesson has run, you can start
it, too. The file says what to build, and how to compile it. (For a model with your own
classes this program would import them: lesson 4.)
"""

import sys
from pathlib import Path

# The folder above has lesson.py and data.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data

import keras
import numpy as np

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder("02_save_load_full_model.py")
model_file = folder / "mnist.keras"
if not model_file.exists():
    sys.exit(f"找不到 {model_file}。请先运行 02_save_load_full_model.py。")

model = keras.models.load_model(model_file)
predictions = model.predict(x_test, verbose=0)
saved_predictions = np.load(folder / "predictions.npy")
lesson.check_equal("新进程的预测结果相同", predictions, saved_predictions)

# 不用 `compile`：损失函数、优化器和 Adam 的状态都在文件里。
x_few = x_train[:6400]
y_few = y_train[:6400]
model.fit(x_few, y_few, shuffle=False, verbose=2)
model.save(folder / "resumed.keras")
