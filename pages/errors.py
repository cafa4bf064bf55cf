"""Write docs/errors.md and docs/zh/errors.md from docs/errors.toml.

.venv/bin/python -m pages.errors
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = tomllib.loads((ROOT / "docs" / "errors.toml").read_text(encoding="utf-8"))
FILES = {"en": "docs/errors.md", "zh": "docs/zh/errors.md"}

BEFORE = {
    "en": """\
# Error and fix

For anyone who has an error message of Keras or TensorFlow, from saving, loading or resuming. [README](../README.md)

How the message begins, why it comes, what to type, and the nearest lesson. Search this page for three or four words
of yours. (The [web page](../README.md#the-lessons) of it has a field into which you paste a whole message.) The
names of files stand for yours. `model` is a compiled model, `build()` your function that builds and compiles it, `x`
and `y` are its data; `os`, `zipfile` and `h5py` are modules; `models` and `custom` are of this project, and so is
`modelfile`, a package (`from modelfile import keras2, older, tfjs`; `pip install .` installs it).

{contents}

No row fits? `.venv/bin/python -m modelfile FILE` says what the file is, who wrote it, and which lines load it. And
compare the versions: `python -c "import tensorflow, keras; print(tensorflow.__version__, keras.__version__)"` with
those in requirements.txt.
""",
    "zh": """\
# 错误与解决办法

写给看到 Keras 或 TensorFlow 报错的读者：保存、加载或继续训练时的报错都在这里。[README](../../README.zh-CN.md)

下面几张表列出报错信息（只列开头）、原因、改法和对应的课。请在本页里搜索报错信息中的三四个词。（[网页版](../../README.zh-CN.md#课程)里可以粘贴整段报错来查。）文件名只是例子，请换成您自己的。`model` 是已编译的模型，`build()` 是您自己搭建并编译模型的函数，`x` 和 `y` 是它的数据；`os`、`zipfile` 和 `h5py` 是模块（要先 import）；`models` 和 `custom` 是本项目的，`modelfile` 也是，它是一个包（`from modelfile import keras2, older, tfjs`；用 `pip install .` 安装）。

{contents}

没有合适的行？`.venv/bin/python -m modelfile FILE` 会说文件是什么、谁写的、用哪几行代码加载。再比较版本：`python -c "import tensorflow, keras; print(tensorflow.__version__, keras.__version__)"` 的结果与 requirements.txt 里的是否相同。
""",
}
AFTER = {
    "en": """\
## Then and now

What the video types, what happens today, and what to type instead. `model` is a compiled model.

| The video types | Today | Type instead |
|---|---|---|
{calls}

If all you have is a file of 2020, with `from modelfile import keras2`: `keras2.convert("model/")` and
`keras2.convert("model.h5")` make a model of today, with its optimizer's state. For `weights/`, build and compile the
model first, and then `keras2.convert("weights/", model)` (lesson 6). What it cannot convert, it names; then build the
model with today's Keras, as it was, and fill it: `model.load_weights("model.h5")`.
""",
    "zh": """\
## 过去与现在

视频里的写法、现在的结果，以及现在的写法。`model` 是已编译的模型。

| 视频里的写法 | 现在的结果 | 现在的写法 |
|---|---|---|
{calls}

如果手里只有 2020 年的文件，先写 `from modelfile import keras2`，`keras2.convert("model/")` 和 `keras2.convert("model.h5")` 能把它转换成现在的模型，优化器状态也在。对于 `weights/`，要先搭建并编译模型，再用 `keras2.convert("weights/", model)`（第 6 课）。不能转换的，它会说明是什么；那就用现在的 Keras 照原样搭建模型，再加载权重：`model.load_weights("model.h5")`。
""",
}
HEADINGS = {
    "en": "| It says | Because | Type | Lesson |",
    "zh": "| 报错信息或警告 | 原因 | 改法 | 课 |",
}
AT_THE_END = {"en": "A message that ends with ", "zh": "报错的结尾是 "}
WORKS = {"en": "works, with a warning", "zh": "可以运行，但有警告"}
THEN_AND_NOW = {"en": "Then and now", "zh": "过去与现在"}


def rows():
    """Return all rows, in the order of the tables."""
    return [row for group in DATA["groups"] for row in group["rows"]]


def code(text):
    """Return text as Markdown shows it: as code, also where it has backticks."""
    if "`" not in text:
        return f"`{text}`"
    return f"``{text} ``" if text.endswith("`") else f"``{text}``"


def slug(heading):
    """Return the name that links have for a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def line(row, language):
    """Return a row as Markdown."""
    says = row.get(f"sees_{language}")
    if not says:
        says = (AT_THE_END[language] if "ends" in row else "") + code(row["says"])
    cells = says, row[language], row[f"fix_{language}"], str(row["lesson"])
    for cell in cells:
        if "|" in cell:
            raise ValueError(f"A cell of {row['id']} has a |, which ends a cell.")
    return f"| {' | '.join(cells)} |"


def markdown(language):
    """Return the page in a language ("en" or "zh")."""
    headings = [group[language] for group in DATA["groups"]]
    links = [f"[{h}](#{slug(h)})" for h in [*headings, THEN_AND_NOW[language]]]
    parts = [BEFORE[language].format(contents=" · ".join(links))]
    for group in DATA["groups"]:
        table = [line(row, language) for row in group["rows"]]
        parts.append(
            "\n".join(
                [f"## {group[language]}\n", HEADINGS[language], "|---|---|---|---|"]
                + table
            )
            + "\n"
        )
    calls = [
        f"| {code(call['then'])} | "
        f"{code(call['today']) if call['today'] else WORKS[language]} | "
        f"{call[language]} |"
        for call in DATA["calls"]
    ]
    parts.append(AFTER[language].format(calls="\n".join(calls)))
    return "\n".join(parts)


if __name__ == "__main__":
    for language, file in FILES.items():
        (ROOT / file).write_text(markdown(language), encoding="utf-8", newline="\n")
        print(file)
