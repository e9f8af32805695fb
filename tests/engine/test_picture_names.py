"""Paths and addresses: where a file lies, and its own name."""

import pytest

from engine.picture_names import file_name, folder_name, is_address


def test_addresses_are_told_from_paths() -> None:
    assert all(map(is_address, ["s3://bucket", "zip://::file:///a.zip", "simplecache::s3://b"]))
    assert not any(map(is_address, ["/a/b", "a:b", "s3:/bucket", "://x", "~/a//b", ""]))


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("/photos/a.png", "/photos", "a.png"),
        ("/a.png", "/", "a.png"),
        ("a.png", "", "a.png"),
        ("/photos/a::b.png", "/photos", "a::b.png"),
        ("s3://bucket/set/a.png", "s3://bucket/set", "a.png"),
        ("zip://a.png::file:///photos.zip", "zip://::file:///photos.zip", "a.png"),
        ("zip://set/a.png::s3://b/photos.zip", "zip://set::s3://b/photos.zip", "a.png"),
    ],
)
def test_a_path_is_a_folder_and_a_name(path: str, folder: str, name: str) -> None:
    assert (folder_name(path), file_name(path)) == (folder, name)
