"""A revision is the content of a folder or the commit of a hub id; errors say the mend."""

import os
import shutil
import subprocess
import sys

import pytest

from isoglot.models.local.weights import model_name, model_revision


def test_revision_is_content(tiny_model, tmp_path):
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    assert model_revision(str(copy)) == model_revision(str(tiny_model))
    assert model_name(str(copy)) == f"copy@{model_revision(str(copy))}"
    with (copy / "chat_template.jinja").open("a") as file:
        file.write("\n")
    assert model_revision(str(copy)) != model_revision(str(tiny_model))


def test_a_commit_is_its_own_revision():
    assert model_revision("org/model", "0123456789" * 4) == "0123456789" * 4


@pytest.mark.parametrize("path", ["/no/such/folder", "./runs/policy/x"])
def test_no_such_folder(path):
    with pytest.raises(ValueError, match="correct the path"):
        model_revision(path)


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(ValueError, match="safetensors"):
        model_revision(str(tmp_path))


def test_an_unknown_hub_id_offline(tmp_path):
    code = (
        "from isoglot.models.local.weights import model_revision\n"
        "import sys\n"
        "try: model_revision('org/no-such-model')\n"
        "except ValueError as error: assert 'download it first' in str(error), error\n"
        "else: raise SystemExit('no error')\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_gguf_file_is_refused_with_the_way_to_convert_it(tmp_path):
    (tmp_path / "model-q4.gguf").write_bytes(b"GGUF")
    for path in (tmp_path, tmp_path / "model-q4.gguf", "someone/model-q4.gguf"):
        with pytest.raises(
            ValueError, match=r"got the GGUF file .*convert it once .*save_pretrain"
        ):
            model_revision(str(path))
