import hashlib
import os
from pathlib import Path

import pytest

from tasks.find_files import find_files
from warehouse.errors import ConfigError

PDF = b"%PDF-1.4\n%%EOF\n"


def test_pdfs_are_found_by_content_and_never_by_name(tmp_path: Path):
    for name in ("plain.pdf", "trailing space.pdf ", "UPPER.PDF", "no extension", "notes.txt"):
        (tmp_path / name).write_bytes(PDF + name.encode())
    (tmp_path / "late.bin").write_bytes(b"x" * 1000 + PDF)
    (tmp_path / "too late.bin").write_bytes(b"x" * 1024 + PDF)

    found = find_files([tmp_path])

    assert [file.file_name for file in found.files] == [
        "UPPER.PDF", "late.bin", "no extension", "notes.txt", "plain.pdf", "trailing space.pdf ",
    ]  # fmt: skip
    assert all(file.is_pdf for file in found.files)
    assert found.n_ignored == 1


def test_what_is_only_named_like_a_pdf_is_kept_and_other_files_are_counted(tmp_path: Path):
    (tmp_path / "text.pdf").write_text("no PDF at all")
    (tmp_path / "empty.PDF ").write_bytes(b"")
    (tmp_path / "readme.md").write_text("ignored")

    found = find_files([tmp_path])

    assert [(file.file_name, file.is_pdf, file.n_bytes) for file in found.files] == [("empty.PDF ", False, 0), ("text.pdf", False, 13)]
    assert found.n_ignored == 1


def test_a_copy_names_its_original_and_two_copies_of_one_name_differ(tmp_path: Path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.pdf").write_bytes(PDF)

    first, *copies = find_files([tmp_path]).files

    assert first.document_id == hashlib.sha256(PDF).hexdigest()[:20]
    assert first.duplicate_of is None
    assert [copy.duplicate_of for copy in copies] == [first.document_id] * 2
    assert len({first.document_id, *(copy.document_id for copy in copies)}) == 3


def test_a_link_loop_ends_and_a_file_given_twice_is_listed_once(tmp_path: Path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x.pdf").write_bytes(PDF)
    (tmp_path / "below" / "again").symlink_to(tmp_path, target_is_directory=True)

    found = find_files([tmp_path, tmp_path / "below" / "x.pdf", tmp_path])

    assert [file.file_name for file in found.files] == ["x.pdf"]
    assert found.files[0].duplicate_of is None


def test_hidden_files_and_folders_are_skipped(tmp_path: Path):
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.pdf").write_bytes(PDF)
    (tmp_path / ".x.pdf").write_bytes(PDF)

    found = find_files([tmp_path])

    assert (found.files, found.n_ignored) == ([], 0)


def test_names_that_are_not_utf8_or_hold_newlines_are_kept_without_loss(tmp_path: Path):
    raw = b"caf\xe9\n2.pdf"
    with open(os.path.join(os.fsencode(tmp_path), raw), "wb") as file:  # noqa: PTH118, PTH123  # a Path cannot be made of bytes
        file.write(PDF)

    (file,) = find_files([tmp_path]).files

    assert file.file_name == "caf\\xe9\n2.pdf"
    assert file.name_hex is not None
    assert bytes.fromhex(file.name_hex) == raw


def test_a_missing_path_says_which(tmp_path: Path):
    with pytest.raises(ConfigError, match="gone"):
        find_files([tmp_path / "gone"])


def test_an_empty_folder_gives_nothing(tmp_path: Path):
    assert find_files([tmp_path]).files == []


def test_the_same_folder_gives_the_same_rows(tmp_path: Path):
    for name in ("b.pdf", "a.pdf", "c.pdf"):
        (tmp_path / name).write_bytes(PDF + name[:1].encode() * (name != "c.pdf"))

    assert find_files([tmp_path]) == find_files([tmp_path])
