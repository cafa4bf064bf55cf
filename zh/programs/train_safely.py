"""第 10 课里被强制终止的程序：有存好的就加载，没有就从头开始，然后训练

    python programs/train_safely.py

可以随时强制终止它（Ctrl-C、`kill -9` 或任务管理器），再重新启动。
10_survive_a_crash.py 做的也是这件事。
"""

import sys
from pathlib import Path

# lesson.py、data.py 和 models.py 在上一级文件夹里。
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import lesson  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

args = lesson.arguments(__doc__)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder("10_survive_a_crash.py") / f"{args.samples} images"
folder.mkdir(exist_ok=True)

# 校验和正确的最新文件：从 Python 3.12 开始，有些损坏的文件 `load_model` 也能加载，
# 权重是错的，却不报错。
newest_file = newest_complete_file(folder)
if newest_file:
    model = keras.models.load_model(newest_file)
    done = int(newest_file.stem.removeprefix("epoch-"))
else:
    keras.utils.set_random_seed(1)
    model = models.build_and_compile()
    done = 0
lesson.note(f"已训练 {done} 个周期（epoch），共 6 个。")

# 不打乱顺序：打乱顺序时怎么办，有 Dropout 之类的层时怎么办，见第 9 课。
safe = SafeCheckpoint(folder)
model.fit(
    x, y, initial_epoch=done, epochs=6, callbacks=[safe], shuffle=False, verbose=2
)

# 训练已经完成。删掉它的检查点（checkpoint），下一次训练就会从头开始。
model.save(folder / "finished.keras")
for path in folder.glob("epoch-*.keras"):
    path.unlink()
