"""The sources of the command line's arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.adapters.media.sources.sources import expand
from backend.domain.errors import InvalidInput


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def names(*arguments: object) -> list[str]:
    return [source.name for source in expand([str(a) for a in arguments])]


def test_a_folder_gives_its_videos_zips_and_folders_of_images(tmp_path: Path) -> None:
    touch(
        tmp_path, "b.mp4", "a b.MOV", "sub/b.mp4", "notes.txt", ".hidden.mp4", "f.zip", "frames/1.jpg", "frames/2.jpg"
    )
    touch(tmp_path, "c.AVI", "c.ogg", "c.mts")
    assert names(tmp_path) == ["a b.MOV", "b.mp4", "c.AVI", "c.mts", "c.ogg", "f.zip", "frames", "sub/b.mp4"]


def test_pictures_beside_a_video_are_left_out_and_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "cover.jpg", "t.png")
    left_out = "2 pictures beside it are not imported; move them into a folder of their own"
    assert [(source.name, source.note) for source in expand([str(tmp_path)])] == [("a.mp4", left_out), ("b.mp4", "")]
    (tmp_path / "pictures").mkdir()
    for name in ("cover.jpg", "t.png"):
        (tmp_path / name).rename(tmp_path / "pictures" / name)
    assert names(tmp_path) == ["a.mp4", "b.mp4", "pictures"]
    assert {source.note for source in expand([str(tmp_path)])} == {""}


def test_a_glob_and_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "x1.mp4", "x2.mp4", "y.mp4")
    assert names(tmp_path / "x*.mp4", tmp_path / "y.mp4") == ["x1.mp4", "x2.mp4", "y.mp4"]


def test_two_files_of_one_name_get_different_names(tmp_path: Path) -> None:
    touch(tmp_path, "one/clip.mp4", "two/clip.mp4")
    assert names(tmp_path / "one/clip.mp4", tmp_path / "two/clip.mp4") == [
        f"{tmp_path.name}/one/clip.mp4",
        f"{tmp_path.name}/two/clip.mp4",
    ]
    assert names(tmp_path / "one/clip.mp4", tmp_path / "one/clip.mp4")[1].endswith(" (2)")


def test_names_with_spaces_unicode_and_200_characters(tmp_path: Path) -> None:
    long = "ä" * 100 + ".mp4"
    touch(tmp_path, " sp ace.mp4", "日本 🎬.mp4", long)
    assert set(names(tmp_path)) == {"sp ace.mp4", "日本 🎬.mp4", long}


def test_a_name_that_is_no_text_is_shown_with_replacements(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.mp4"), "wb") as file:
        file.write(b"x")
    assert names(tmp_path) == ["\ufffd.mp4"]


def test_a_csv_has_videos_prompts_frames_and_task_data(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    table = tmp_path / "list.csv"
    table.write_text("\ufeffvideo,frames,prompts,subject\na.mp4,0 5-7 5,p.json,mouse 3\n", encoding="utf-8")
    (source,) = expand([str(table)])
    assert source.path == tmp_path / "a.mp4"
    assert source.frames == (0, 5, 6, 7)
    assert source.prompts == str(tmp_path / "p.json")
    assert dict(source.extra) == {"subject": "mouse 3"}


def test_a_json_list_of_paths_objects_and_tasks(tmp_path: Path) -> None:
    listed = tmp_path / "list.json"
    listed.write_text('["a.mp4", {"video": "b.mp4", "name": "Bee", "frames": [1, 2]}, {"task": 7}]')
    first, second, third = expand([str(listed)])
    assert (first.path, second.name, second.frames, third.task_id) == (tmp_path / "a.mp4", "Bee", (1, 2), 7)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("l.csv", "clip,frames\na,1\n", "has no column named video"),
        ("l.csv", "video,frames\na.mp4,x\n", "l.csv, line 2: frames must be numbers"),
        ("l.csv", "video\na.mp4,2,3\n", "l.csv, line 2: it has more cells"),
        ("l.csv", "video,name\n,b\n", "l.csv, line 2: it names no video"),
        ("l.json", "{}", "must be a list"),
        ("l.json", "[1]", "entry 0: it must be a path"),
        ("l.json", "[", "is not JSON"),
    ],
)
def test_an_unreadable_list_is_named_with_the_place(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInput, match=sentence):
        expand([str(tmp_path / name)])


def test_tasks_by_number() -> None:
    assert [s.task_id for s in expand(["tasks:3,7-9,8"])] == [3, 7, 8, 9]
    with pytest.raises(InvalidInput, match="tasks are named by their numbers"):
        expand(["tasks:x"])


def test_an_argument_that_names_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file or folder"):
        expand([str(tmp_path / "none.mp4")])
    with pytest.raises(InvalidInput, match="there is no video, folder of images, zip or list there"):
        expand([str(tmp_path)])
