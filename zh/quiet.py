"""启动 TensorFlow 和 Keras，不显示它们的启动信息；供 lesson.py 使用。

导入这个模块就会启动。如果 TensorFlow 启动不了，会用一句话说明原因。
"""

import contextlib
import gc
import importlib.metadata
import logging
import os
import sys
import tempfile

WINDOWS = os.name == "nt"
INSTALL = (
    "请按 README.zh-CN.md 的说明，用 .venv 里的 Python 启动；所需的软件包都装在那里。"
)


def _require_keras_3():
    """这一课无法运行时，说一句话就退出。"""
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"{sys.executable} 没有安装 Keras。{INSTALL}")
    if int(version.split(".")[0]) < 3:
        sys.exit(
            f"这些课需要 Keras 3，而这个 Python 装的是随旧版 TensorFlow 安装的 Keras"
            f" {version}。{INSTALL}"
        )
    if os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true"):
        sys.exit(
            "这些课需要 Keras 3，而环境变量 TF_USE_LEGACY_KERAS 要求 TensorFlow 使用"
            " Keras 2。请取消这个环境变量，再试一次。"
        )


@contextlib.contextmanager
def quietly():
    """在这段代码里，截住 C++ 代码写到标准错误的内容；如果这段代码失败，再显示出来。

    无论日志级别如何，TensorFlow 和 LiteRT 都会写几行，所以重定向的是文件描述符本身。
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except BaseException:
            messages.seek(0)
            os.write(terminal, messages.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _why_tensorflow_does_not_start(error):
    if WINDOWS and "DLL" in str(error):
        return (
            f"TensorFlow 启动不了：{error}。请安装微软最新的 Visual C++"
            f" Redistributable（x64），TensorFlow 在 Windows 上需要它。"
        )
    return f"TensorFlow 启动不了：{error}。{INSTALL}"


_require_keras_3()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# 每个进程少用一秒：无论导入时还是结束时，Python 的垃圾回收都不去检查 TensorFlow
# 创建的大量对象。
gc.disable()
try:
    with quietly():
        import keras  # noqa: F401
        import tensorflow as tf

        # 这些课用逐位相同的结果作证明。CPU 能做到；GPU 不一定能，而且模型这么小，
        # GPU 也不会更快。
        tf.config.set_visible_devices([], "GPU")
except ImportError as error:
    sys.exit(_why_tensorflow_does_not_start(error))
gc.freeze()
gc.enable()
for _library in "tensorflow", "matplotlib":
    logging.getLogger(_library).setLevel(logging.ERROR)
