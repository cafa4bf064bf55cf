"""课程脚本的命令行与打印（选项、步骤、验证、列表），以及怎样启动进程。

请在 TensorFlow 或 Keras 之前导入这个模块：它启动它们，并隐藏启动信息。
课里要讲的内容从不放在这里。
"""

import argparse
import atexit
import contextlib
import errno
import functools
import io
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

import quiet  # 要最先导入：它启动 TensorFlow，并隐藏启动信息
import data
from modelfile.sentences import choose_language, wrapped

import h5py
import keras
import numpy as np
import tensorflow as tf

HERE, ROOT = data.HERE, data.ROOT
WINDOWS = quiet.WINDOWS
quietly = quiet.quietly
WIDTH = 88  # 打印的列数；一个汉字占两列
DISK_SPACE = 50e6  # 字节；没有一课会写得更多

choose_language("zh")  # argparse 的语言，以及课程所启动的 modelfile 的语言
# 每一行打印之后立即显示，在管道里也是如此。控制台显示不了的字符，用转义代替。
sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
if WINDOWS:
    os.system("")  # 让 Windows 的旧控制台能显示进度条


def _leave_quietly(kind, error, traceback):
    """按下 Ctrl-C 之后只打印一句；如果已经没有程序读取输出，就什么也不打印。"""
    if issubclass(kind, KeyboardInterrupt):
        print("\n已用 Ctrl-C 停止。可以再次启动。")
    elif not issubclass(kind, BrokenPipeError) and not (
        # Windows 这样报告管道已关闭。
        WINDOWS and issubclass(kind, OSError) and error.errno == errno.EINVAL
    ):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _leave_quietly


def arguments(doc):
    """读取一课的命令行选项，并打印标题。

    参数：
        doc：这一课的 docstring；第一行是标题。

    返回：
        argparse.Namespace：`samples`（int）、`full`（bool：用了全部 MNIST，
        因此可以验证准确率）。
    """
    title = doc.splitlines()[0]
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument(
        "--samples",
        type=number(data.TRAINING_IMAGES),
        default=data.TRAINING_IMAGES,
        metavar="N",
        help="用前 N 张图像训练（默认：全部 %(default)s 张）",
    )
    args = parser.parse_args()
    args.full = args.samples == data.TRAINING_IMAGES
    print(title)
    print(
        f"TensorFlow {tf.__version__}，Keras {keras.__version__}，{args.samples:,} 张"
        f"训练图像"
    )
    return args


def number(largest):
    """返回一种参数类型：“从 1 到 `largest` 的整数”。"""

    def parse(text):
        if not text.isdecimal() or not 1 <= int(text) <= largest:
            raise argparse.ArgumentTypeError(
                f"必须是 1 到 {largest} 的整数，不能是 {text!r}"
            )
        return int(text)

    return parse


def folder(script):
    """创建一课写文件用的文件夹。

    参数：
        script：这一课的 `__file__`。

    返回：
        pathlib.Path：项目的 `saved/` 里，与脚本同名的文件夹。

    异常：
        SystemExit：那里不能写文件，或者磁盘已满；或者在 Windows 上，
            路径里有 TensorFlow 处理不了的文字。
    """
    path = ROOT / "saved" / Path(script).stem
    # 在 Windows 上，TensorFlow 会把这样的路径当作不存在（GitHub 上 tensorflow 的
    # issue 60682）。
    if WINDOWS and not str(path).isascii():
        sys.exit(
            f"在 Windows 上，TensorFlow 无法写入 {path}：路径里有英文字母以外的文字。"
            f"请把项目移到别处，例如 C:\\lessons。"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        sys.exit(f"无法写入文件夹 {path}：{error.strerror}。")
    free = shutil.disk_usage(path).free
    if free < DISK_SPACE:
        sys.exit(
            f"{path} 所在的磁盘已满：还剩 {free / 1000000.0:.1f} MB，而一课可能需要"
            f" {DISK_SPACE / 1000000.0:.0f} MB。请腾出空间再试。"
        )
    # 这样，即使用户名里有这类字符也没有关系：LiteRT 导出时要写临时文件夹，
    # 而那个路径里有用户名。
    if WINDOWS and not tempfile.gettempdir().isascii():
        tempfile.tempdir = str(path)
    return path


def step(number, title):
    """打印一个步骤的标题。"""
    print(f"\n{number}. {title}\n")


def note(text):
    """打印一句说明或一个结果。"""
    _say("", text)


def check(sentence, passed, enough_data=True):
    """打印已验证的结论 `sentence`；不成立就结束这一课，退出状态为 1。

    参数：
        sentence：结论，包括它所说的数值。
        passed：结论是否成立。
        enough_data：如果结论需要（例如）全部 MNIST，而这次用得较少，则为 False；
            这时只打印，不验证。
    """
    if not enough_data:
        _say("--", f"（训练规模太小，未验证）{sentence}")
    elif passed:
        _say("ok", sentence)
    else:
        _say("FAIL", sentence)
        sys.exit(1)


def check_equal(sentence, array, other):
    """验证两个数组逐位相同；如果不同，就打印两者并停止。"""
    if not np.array_equal(array, other):
        print(array, other, sep="\n")
    check(sentence, np.array_equal(array, other))


def check_close(sentence, array, other):
    """验证两个 float32 数组除舍入误差外相等。"""
    difference = float(np.abs(np.subtract(array, other)).max())
    check(f"{sentence}为 {difference:.1g}", are_close(array, other))


def are_close(array, other):
    """返回两个 float32 数组是否除舍入误差外相等。

    float32 有七位有效数字。别的程序或别的处理器算出的结果，最后两位可能不同（以所有
    数中最大的为准）。
    """
    difference = np.abs(np.subtract(array, other)).max()
    return bool(difference <= 1e-5 * np.abs(other).max())


def check_same_weights(sentence, model, other):
    """验证两个模型的所有权重逐位相同。"""
    difference = largest_difference(model.get_weights(), other.get_weights())
    if difference:
        note(f"权重的最大差值为 {difference:.3g}。")
    check(sentence, difference == 0)


def check_other_weights(sentence, model, other):
    """验证两个模型有权重不同，并打印最大差值。"""
    difference = largest_difference(model.get_weights(), other.get_weights())
    check(f"{sentence}：权重的最大差值为 {difference:.3g}", difference > 0)


@contextlib.contextmanager
def expect_error(kind, text):
    """显示这段代码必须报出的错误：类型是 `kind`，报错信息里有 `text`。"""
    try:
        yield
    except kind as error:
        if text not in str(error):
            raise
        _say("error", f"{type(error).__name__}: {headline(error)}")
    else:
        check(f"这里应当报错 {kind.__name__}：“... {text} ...”", False)


@contextlib.contextmanager
def expect_warning(text):
    """显示 Keras 在这段代码里给出的警告；其中一条必须含有 `text`。"""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("absl")  # 除了 Python 的 `warnings`，Keras 也用它
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: messages.append(str(message))
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    for message in dict.fromkeys(messages):
        _say("warns", headline(message))
    if not any(text in message for message in messages):
        check(f"这里应当出现警告：“... {text} ...”", False)


def headline(message, width=240):
    """返回报错信息的开头：一行，最多 `width` 个字符。"""
    return textwrap.shorten(str(message), width, placeholder=" ...")


def is_installed(package):
    """返回 requirements-other.txt 里的某个包能不能导入；如果不能，就打印一句。"""
    if find_spec(package):
        return True
    note(
        f"没有安装 {package}，跳过需要它的部分。安装命令：.venv/bin/python -m pip"
        f" install -r requirements-other.txt"
    )
    return False


def free_ports():
    """返回本机上两个空闲的端口。"""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def start(script, *arguments, output=subprocess.PIPE, **environment):
    """把一个脚本作为子进程启动。最迟在本进程结束时，它会被终止。

    参数：
        script：脚本的路径。
        *arguments：它的命令行选项。
        output：它的标准输出写到哪里；None：与本进程相同。
        **environment：除本进程的环境变量之外，再给它的环境变量。

    返回：
        subprocess.Popen：标准输入和输出（如果是管道）都是文本。
    """
    child = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        text=True,
        env={**os.environ, **environment},
        # Ctrl-C 终止本进程，再由本进程终止子进程。
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows
    )
    atexit.register(child.kill)
    return child


def run(*command, directory=None):
    """在新进程里运行 Python，并等它结束。如果它出错，这一课就结束。

    参数：
        *command：`python` 后面的内容：本项目的一个程序和它的选项；或者 "-m"、
            本项目的一个模块和它的选项；或者 "-c" 和 Python 代码，代码会先打印出来。
        directory：该进程的工作目录。
    """
    program, *arguments = command
    environment = dict(os.environ)
    if program == "-c":
        code = textwrap.dedent(arguments[0]).strip()
        print(*(f"   > {line}".rstrip() for line in code.splitlines()), "", sep="\n")
        arguments = [code]
        environment["PYTHONPATH"] = str(HERE)
    elif program != "-m":
        program = HERE / program
    command = [sys.executable, program, *arguments]
    if subprocess.run(command, check=False, cwd=directory, env=environment).returncode:
        sys.exit("新进程出错了，报错信息见上方。")


def largest_difference(weights, others):
    """返回两组数组之间绝对值最大的差。

    参数：
        weights：数组的列表，例如 `model.get_weights()` 的返回值。
        others：形状相同的数组的列表。

    返回：
        float：当且仅当所有值都相等时为 0.0。
    """
    return max(float(abs(a - b).max()) for a, b in zip(weights, others, strict=True))


def show(path):
    """打印文件或文件夹以及其中内容的名字和大小。"""
    _list(path.relative_to(ROOT).as_posix(), path, 1)


def _list(name, path, depth):
    if path.is_dir():
        print(f"{'   ' * depth}{name}/")
        for child in sorted(path.iterdir()):
            _list(child.name, child, depth + 1)
        return
    _row(depth, name, path.stat().st_size)
    if path.suffix == ".h5":
        _list_h5(path, depth + 1)
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _row(depth + 1, member.filename, member.file_size)
                if member.filename.endswith(".h5"):
                    _list_h5(io.BytesIO(archive.read(member)), depth + 2)


def _list_h5(file, depth):
    with h5py.File(file) as content:
        for name, value in content.attrs.items():
            _row(depth, f"{name} (attribute)", len(value))
        for name, group in content.items():
            print(f"{'   ' * depth}{name}/")
            group.visititems(functools.partial(_list_dataset, depth + 1))


def _list_dataset(depth, name, item):
    if isinstance(item, h5py.Dataset):
        _row(depth, name, item.nbytes, f"{item.dtype} {item.shape}")


def _row(depth, name, size, about=""):
    indent = "   " * depth
    print(f"{indent}{name:{50 - len(indent)}} {size:>10,} B  {about}".rstrip())


def _say(label, text):
    start = f"   {label:5}  " if label else "   "
    lines = wrapped(" ".join(text.split()), WIDTH - len(start)).split("\n")
    print(start + f"\n{' ' * len(start)}".join(lines))
