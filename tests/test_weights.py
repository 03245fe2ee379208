import os
import shutil

from limner.weights import model_files, model_hash


def _folder(path):
    (path / "unet").mkdir(parents=True)
    (path / "unet" / "model.safetensors").write_bytes(b"weights")
    (path / "config.json").write_text("{}")
    (path / "README.md").write_text("read me")
    return path


def test_only_files_that_decide_what_the_model_does_count(tmp_path):
    folder = _folder(tmp_path / "model")
    before = model_hash(folder)
    assert [file.name for file in model_files(folder)] == ["config.json", "model.safetensors"]
    (folder / "README.md").write_text("something else")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note.txt").write_text("downloaded")
    assert model_hash(folder) == before


def test_moving_a_model_keeps_its_hash_and_renaming_a_part_does_not(tmp_path):
    folder = _folder(tmp_path / "model")
    before = model_hash(folder)
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert model_hash(moved) == before
    (moved / "unet").rename(moved / "transformer")
    assert model_hash(moved) != before


def test_changed_bytes_of_the_same_size_are_seen(tmp_path):
    folder = _folder(tmp_path / "model")
    before = model_hash(folder)
    weights = folder / "unet" / "model.safetensors"
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(1, weights.stat().st_mtime_ns + 1))
    assert model_hash(folder) != before


def test_a_single_file_stands_for_itself(tmp_path):
    file = tmp_path / "HPS.pt"
    file.write_bytes(b"weights")
    (tmp_path / "other.json").write_text("{}")
    assert model_files(file) == [file]
    assert len(model_hash(file)) == 12
