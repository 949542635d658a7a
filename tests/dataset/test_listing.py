"""Listing the image files below a folder."""

from pathlib import Path

import pytest

from brainseg.dataset.listing import FolderListing, list_image_files


def files_in(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_only_the_outermost_empty_folder_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "d/e").mkdir(parents=True)
    files_in(tmp_path, "d/1.png")
    assert list_image_files(tmp_path).empty_folders == ("a", "d/e")


def test_files_are_sorted_and_others_skipped(tmp_path: Path) -> None:
    files_in(tmp_path, "b/2.PNG", "b/10.tif", "a.jpeg", "b/notes.txt", "b/.hidden.png", ".git/1.png")
    listing = list_image_files(tmp_path)
    assert listing == FolderListing(files=("a.jpeg", "b/10.tif", "b/2.PNG"), empty_folders=(), unreadable_folders=())


@pytest.mark.parametrize(
    "name", ["lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle", "found.000", "__MACOSX"]
)
def test_folders_of_the_system_are_skipped(tmp_path: Path, name: str) -> None:
    files_in(tmp_path, "a/1.png", f"{name}/2.png", f"a/{name}/1.png/thumbnail.jpg")
    listing = list_image_files(tmp_path)
    assert listing.files == ("a/1.png",)
    assert listing.empty_folders == ()


def test_links_that_point_at_each_other_come_to_an_end(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abcdef"]
    for folder in folders:
        files_in(folder, "1.png")
    for folder in folders:
        for other in folders:
            (folder / f"to_{other.name}").symlink_to(other)
        (folder / "up").symlink_to("..")
    assert list_image_files(tmp_path).files == tuple(f"{name}/1.png" for name in "abcdef")


def test_links_to_folders_elsewhere_that_link_back_are_followed_once(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    files_in(root, "a/1.png")
    files_in(elsewhere, "2.png", "deep/3.png")
    (root / "link").symlink_to(elsewhere)
    (root / "second").symlink_to(elsewhere / "deep")
    (elsewhere / "back").symlink_to(root)
    (elsewhere / "self").symlink_to("self")
    (elsewhere / "gone").symlink_to("nothing")
    assert list_image_files(root).files == ("a/1.png", "link/2.png", "link/deep/3.png")


def test_folder_is_listed_under_its_own_name_and_not_that_of_a_link(tmp_path: Path) -> None:
    files_in(tmp_path, "z/1.png")
    (tmp_path / "a").symlink_to("z")
    assert list_image_files(tmp_path).files == ("z/1.png",)


def test_root_may_be_a_link(tmp_path: Path) -> None:
    files_in(tmp_path, "real/a/1.png")
    (tmp_path / "link").symlink_to("real")
    assert list_image_files(tmp_path / "link").files == ("a/1.png",)


def test_deep_folders_are_listed(tmp_path: Path) -> None:
    """Deeper than Python's limit of recursion."""
    folder = tmp_path
    for _ in range(1200):
        folder /= "d"
        folder.mkdir()
    (folder / "1.png").touch()
    files = list_image_files(tmp_path).files
    (folder / "1.png").unlink()
    while folder != tmp_path:  # pytest could not delete it either
        folder.rmdir()
        folder = folder.parent
    assert files == ("d/" * 1200 + "1.png",)
