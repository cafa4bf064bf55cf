"""第 2 课的第二个进程：加载模型，继续训练

本程序由 02_save_load_full_model.py 启动；那一课运行过之后，也可以单独启动它。
模型怎样搭建、怎样编译，文件里都写着。（如果模型里有您自己的类，
这个程序就要导入它们：见第 4 课。）
"""

import sys
from pathlib import Path

# lesson.py 和 data.py 在上一级文件夹里。
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
