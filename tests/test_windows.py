"""What is different on Windows, as far as it can be tried elsewhere.

`lesson.WINDOWS` is set by hand here. Where it is really True, these tests try the real thing.
"""

import errno
import tempfile
from pathlib import Path

import lesson
import quiet

import pytest


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(lesson, "WINDOWS", True)
    monkeypatch.setattr(quiet, "WINDOWS", True)


@pytest.fixture
def temporary(monkeypatch):
    """Put `tempfile.tempdir` back at the end."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())


def test_a_path_of_chinese_characters_gets_one_sentence(windows, monkeypatch, tmp_path):
    root = tmp_path / "张三"
    monkeypatch.setattr(lesson, "ROOT", root)
    with pytest.raises(SystemExit) as stopped:
        lesson.folder("01_save_load_weights.py")
    assert str(root) in stopped.value.code
    assert "Move the lessons to C:\\lessons" in stopped.value.code
    assert not root.exists()


def test_elsewhere_such_a_path_is_fine(monkeypatch, tmp_path):
    monkeypatch.setattr(lesson, "WINDOWS", False)
    monkeypatch.setattr(lesson, "ROOT", tmp_path / "张三")
    assert lesson.folder("01_save_load_weights.py").is_dir()


def test_a_users_name_of_chinese_characters_moves_temporary_files_to_the_lessons(
    windows, temporary, monkeypatch, tmp_path
):
    monkeypatch.setattr(lesson, "ROOT", tmp_path)
    tempfile.tempdir = r"C:\Users\张三\AppData\Local\Temp"
    folder = lesson.folder("14_litert.py")
    assert Path(tempfile.gettempdir()) == folder


def test_another_users_temporary_files_stay_where_they_are(
    windows, temporary, monkeypatch, tmp_path
):
    monkeypatch.setattr(lesson, "ROOT", tmp_path)
    before = tempfile.gettempdir()
    lesson.folder("14_litert.py")
    assert tempfile.gettempdir() == before


def test_missing_dlls_are_named_with_what_to_install(windows):
    error = ImportError(
        "DLL load failed while importing _pywrap_tensorflow_internal: "
        "The specified module could not be found."
    )
    sentence = quiet._why_tensorflow_does_not_start(error)
    assert "Visual C++ Redistributable (x64)" in sentence
    assert "DLL load failed" in sentence


def test_a_missing_package_is_not_taken_for_a_missing_dll(windows):
    sentence = quiet._why_tensorflow_does_not_start(
        ModuleNotFoundError("No module named 'tensorflow'")
    )
    assert "Python in .venv" in sentence
    assert "Visual C++" not in sentence


def test_a_pipe_that_was_closed_says_nothing(windows, capsys):
    error = OSError(errno.EINVAL, "Invalid argument")
    lesson._leave_quietly(OSError, error, None)
    assert capsys.readouterr() == ("", "")


def test_an_invalid_argument_says_so_elsewhere(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "WINDOWS", False)
    error = OSError(errno.EINVAL, "Invalid argument")
    lesson._leave_quietly(OSError, error, None)
    assert "OSError: [Errno 22] Invalid argument" in capsys.readouterr().err
