"""It runs on the TensorFlow of 2020; here, its refusal and its transcript are tested."""

import ast

from conftest import ROOT

SOURCE = (ROOT / "experiments/video_claims.py").read_text(encoding="utf-8")
PRINTED = (ROOT / "output/video_claims.txt").read_text(encoding="utf-8")


def test_on_another_tensorflow_it_says_so_in_one_sentence(shared_folder):
    finished = shared_folder.run("experiments.video_claims")
    assert finished.returncode == 1
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert "needs TensorFlow 2.3.0 of 2020" in line
    assert "output/video_claims.txt" in line


def test_its_help_works_on_any_tensorflow(shared_folder):
    finished = shared_folder.run("experiments.video_claims", "--help")
    assert finished.returncode == 0
    assert "\nExperiment: " in finished.stdout


def test_it_is_a_program_for_python_3_8_that_imports_nothing_of_this_project():
    own = {path.stem for path in ROOT.glob("*.py")} | {"programs", "experiments"}
    for node in ast.walk(ast.parse(SOURCE, feature_version=(3, 8))):
        if isinstance(node, ast.Import):
            assert not own & {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.module.split(".")[0] not in own


def test_its_transcript_answers_each_question_that_it_asks():
    assert "\nTensorFlow 2.3.0\n" in PRINTED
    assert PRINTED.isascii()
    for question in SOURCE.split('show(\n            "')[1:]:
        assert question.split("\n")[0].strip("\"',") in PRINTED
    weights, _, model, h5 = PRINTED.split('\n"')[1:5]
    assert weights.count("Adam's state is kept") == 3
    assert model.count("Adam starts afresh") == 3
    assert h5.count("NotImplementedError") == 2
