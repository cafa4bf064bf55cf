"""从 `datasets/mnist.npz` 读取 MNIST，展平成 float32 数组。不需要网络。"""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent if HERE.name == "zh" else HERE  # zh/ 里是中文的课程
sys.path.append(str(ROOT))  # 这样在 zh/ 里也能找到 modelfile
FOLDER = ROOT / "datasets"
TRAINING_IMAGES = 60_000
RESTORE = (
    "请用 `git checkout -- datasets/{}` 恢复，或者重新下载本项目，再把它复制过来。"
)


class DatasetError(SystemExit):
    """数据文件不能用。

    它是 `SystemExit`：课程不捕获它时，就以这条信息和退出状态 1 结束，
    而不打印调用栈（traceback）。
    """


def load_mnist(samples=None):
    """加载 MNIST 手写数字（作者 LeCun 和 Cortes，见 datasets/README.md）。

    参数：
        samples：返回多少张训练图像，从文件开头数起；默认全部 60,000 张。
            测试图像总是全部 10,000 张。

    返回：
        `(x_train, y_train), (x_test, y_test)`，与 `keras.datasets.mnist.load_data`
        一样。图像：float32 (n, 784)，0.0 为黑，1.0 为白。标签：uint8 (n,)，
        数字 0 到 9。

    异常：
        ValueError：`samples` 不是 1 到 60,000 的整数。
        DatasetError：文件不在、读不了，或者与原文件不是逐字节相同。
    """
    if samples is None:
        samples = TRAINING_IMAGES
    if not isinstance(samples, int) or not 1 <= samples <= TRAINING_IMAGES:
        raise ValueError(
            f"samples 必须是 1 到 {TRAINING_IMAGES} 的整数，不能是 {samples!r}"
        )
    with np.load(io.BytesIO(_read("mnist.npz"))) as arrays:
        return (
            (_flat(arrays["x_train"][:samples]), arrays["y_train"][:samples]),
            (_flat(arrays["x_test"]), arrays["y_test"]),
        )


def keras2_file(name):
    """返回 TensorFlow 2.3 在 2020 年保存的文件的路径（见 datasets/README.md）。

    参数：
        name：`datasets/keras2` 里的文件或文件夹，例如 "sequential/weights"。

    返回：
        pathlib.Path：它的路径；里面的文件都是原来的文件。

    异常：
        DatasetError：与 `load_mnist` 相同。
        KeyError：没有这个文件。
    """
    found = []
    for file in _checksums():
        if f"{file}/".startswith(f"keras2/{name}/"):
            found.append(file)
            _read(file)
    if not found:
        raise KeyError(name)
    return FOLDER / "keras2" / name


def _flat(images):
    return images.reshape(len(images), -1) / np.float32(255)


def _checksums():
    """返回字典：每个数据文件的文件名和它的 SHA-256。"""
    lines = _content("SHA256SUMS").decode().splitlines()
    return {name: checksum for checksum, name in map(str.split, lines)}


def _read(name):
    """返回 datasets 文件夹里某个文件的字节；内容必须与原来的相同。"""
    content = _content(name)
    if hashlib.sha256(content).hexdigest() != _checksums()[name]:
        raise DatasetError(
            f"数据文件 {FOLDER / name} 已损坏：它有 {len(content):,} 字节，SHA-256 与"
            f"原文件不符。{RESTORE.format(name)}"
        )
    return content


def _content(name):
    path = FOLDER / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"缺少数据文件 {path}。{RESTORE.format(name)}") from None
    except OSError as error:
        raise DatasetError(
            f"数据文件 {path} 无法读取（{error.strerror}）。{RESTORE.format(name)}"
        ) from None
