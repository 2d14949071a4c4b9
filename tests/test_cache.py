"""Decode once: what is kept, who may use it at the same time, and what happens when the disk or a file gives way."""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automed.data import cache, digests, store
from automed.data.decode.images import decode
from automed.data.records import Arrays, Files, Items, Records
from automed.errors import DataError, RunError, UsageError
from automed.recipe import ImageInput

SPEC = ImageInput(kind="image", size=(16, 16), channels=3)
OLD = 10**9 * (time.time_ns() // 10**9 - 3600)  # an hour ago: old enough for the index of digests to trust


pytestmark = pytest.mark.usefixtures("fresh_cache")


def records(items: Items) -> Records:
    n = len(items)
    return Records(
        frame=pd.DataFrame({"n": range(n)}),
        y=np.zeros(n, np.int64),
        classes=("a", "b"),
        patient=np.arange(n).astype(object),
        items={"picture": items},
        rows=np.arange(1, n + 1),
    )


def pictures(folder: Path, n: int = 12, side: int = 20) -> Records:
    """PNG files of noise, an hour old."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(n):
        path = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
        os.utime(path, ns=(OLD, OLD))
    return records(Files(tuple(folder / f"{number}.png" for number in range(n))))


def load(found: Records, spec: ImageInput = SPEC, progress: cache.Progress | None = None) -> cache.Cached:
    return cache.load(found, "picture", spec, progress)


class Decoding:
    """A progress listener that remembers whether anything was decoded."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))


def test_the_cache_holds_what_decoding_gives(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    item = found.items["picture"]
    assert isinstance(item, Files)
    cached = load(found)
    assert isinstance(cached.values, np.memmap) and not cached.values.flags.writeable
    assert cached.values.dtype == np.uint8 and not cached.unreadable
    assert np.array_equal(cached.values, np.stack([decode(path, SPEC) for path in item.paths]))
    assert np.array_equal(np.load(cached.path, mmap_mode="r"), cached.values)


def test_a_second_load_decodes_nothing_and_reads_no_file(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    first, listener = load(found), Decoding()
    # Same size, same time, no picture any more: reading even one of them would be noticed.
    for path in (tmp_path / "files").iterdir():
        path.write_bytes(b"\0" * path.stat().st_size)
        os.utime(path, ns=(OLD, OLD))
    second = load(found, progress=listener)
    assert listener.calls == [] and second.key == first.key
    assert np.array_equal(first.values, second.values)


def test_the_same_content_is_found_under_another_name_and_another_time(tmp_path: Path) -> None:
    first = load(pictures(tmp_path / "files"))
    shutil.copytree(tmp_path / "files", tmp_path / "moved", copy_function=shutil.copyfile)
    listener = Decoding()
    moved = records(Files(tuple(tmp_path / "moved" / f"{number}.png" for number in range(12))))
    assert load(moved, progress=listener).key == first.key and not listener.calls


def test_content_order_size_and_preprocessing_each_make_another_entry(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    item = found.items["picture"]
    assert isinstance(item, Files)
    changes = ({}, {"size": (16, 17)}, {"channels": 1}, {"fit": "pad"}, {"window": (1.0, 2.0)})
    keys = [load(found, SPEC.model_copy(update=change)).key for change in changes]
    keys.append(load(records(Files(item.paths[::-1]))).key)
    Image.new("RGB", (20, 20)).save(item.paths[0])
    keys.append(load(found).key)
    assert len(set(keys)) == len(keys)
    # The column that a picture's path was in is no part of the picture.
    assert load(found, SPEC.model_copy(update={"column": "other"})).key == keys[-1]


def test_a_file_that_was_changed_a_moment_ago_is_always_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    before, stamp = digests.of([path]), path.stat().st_mtime_ns
    path.write_text("two")
    os.utime(path, ns=(stamp, stamp))
    assert digests.of([path]) != before


def test_an_index_of_digests_that_is_damaged_costs_time_and_nothing_else(tmp_path: Path, fresh_cache: Path) -> None:
    found = pictures(tmp_path / "files")
    key = load(found).key
    (fresh_cache / "digests.sqlite").write_bytes(b"no database" * 100)
    assert load(found).key == key


def test_unreadable_files_are_listed_with_reasons_and_leave_black_pictures(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    files = tmp_path / "files"
    (files / "2.png").unlink()
    (files / "3.png").write_text("no picture")
    (files / "5.png").write_bytes((files / "5.png").read_bytes()[:200])
    (files / "7.png").write_bytes(b"")
    for _ in range(2):  # decoded, and from the cache
        cached = load(found)
        assert cached.unreadable == {2: "missing", 3: "not an image", 5: "truncated", 7: "empty"}
        assert [place for place in range(12) if not cached.values[place].any()] == [2, 3, 5, 7]
    del cached
    gc.collect()


def test_a_missing_file_that_appears_is_decoded(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    (tmp_path / "files" / "2.png").rename(tmp_path / "kept.png")
    assert load(found).unreadable == {2: "missing"}
    (tmp_path / "kept.png").rename(tmp_path / "files" / "2.png")
    assert load(found).unreadable == {}


def test_up_to_one_percent_may_be_unreadable_and_more_names_rows_and_reasons() -> None:
    rows = np.arange(1, 1001) * 10
    cache.refuse_if_many(dict.fromkeys(range(10), "truncated"), rows)
    with pytest.raises(DataError, match=r"11 of 1,000 .*row 10: truncated; row 20: .*3 more") as caught:
        cache.refuse_if_many(dict.fromkeys(range(11), "truncated"), rows)
    assert caught.value.exit_code == 3


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    listener = Decoding()
    load(pictures(tmp_path / "files"), progress=listener)
    assert listener.calls[-1] == (12, 12)


# ---------------------------------------------------------------- arrays


def test_arrays_of_the_right_size_are_kept_as_they_are_and_others_are_resized() -> None:
    values = np.random.default_rng(1).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    assert np.array_equal(load(records(Arrays(values))).values, values)
    small = load(records(Arrays(values[..., 0])), SPEC.model_copy(update={"size": (8, 8), "channels": 1}))
    assert small.values.shape == (30, 8, 8, 1)
    deep = load(records(Arrays(values[..., 0].astype(np.uint16) * 257)), SPEC.model_copy(update={"channels": 1}))
    assert np.array_equal(deep.values[..., 0], values[..., 0])


def test_a_map_of_the_cache_that_fits_is_not_copied() -> None:
    values = np.random.default_rng(1).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    first = load(records(Arrays(values)))
    again = load(records(Arrays(first.values)))
    assert again.path == first.path and len(cache.show()) == 1
    # A part of the map is other content.
    assert load(records(Arrays(first.values[::-1]))).key != first.key


# ---------------------------------------------------------------- several processes


CHILD = """
import sys
from pathlib import Path
from automed.data import cache
sys.path.insert(0, {tests!r})
import test_cache
decoded = test_cache.Decoding()
found = test_cache.records(test_cache.Files(tuple(Path({files!r}) / f"{{n}}.png" for n in range({n}))))
cached = test_cache.load(found, progress=decoded)
print(int(bool(decoded.calls)), int(cached.values.astype(int).sum()), flush=True)
sys.stdin.readline()
"""


def child(files: Path, n: int) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(Path(__file__).parent), files=str(files), n=n)
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)


def test_two_processes_at_once_decode_once_and_keep_the_entry_while_they_live(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files", n=150)
    with child(tmp_path / "files", 150) as one, child(tmp_path / "files", 150) as two:
        assert one.stdout is not None and two.stdout is not None
        answers = [stream.readline().split() for stream in (one.stdout, two.stdout)]
        assert sorted(answer[0] for answer in answers) == ["0", "1"]
        assert answers[0][1] == answers[1][1]
        one.communicate("\n", timeout=60)
        assert [entry.in_use for entry in cache.show()] == [True]
        assert cache.clear() == 0
        two.kill()
        two.wait()
    assert cache.clear() > 16 * 16 * 3 * 150
    assert cache.show() == []
    assert load(found).values.any()


def test_an_entry_is_in_use_as_long_as_any_view_of_it_lives(tmp_path: Path) -> None:
    view = load(pictures(tmp_path / "files")).values[3:5]
    gc.collect()
    assert cache.clear() == 0 and view.any()
    del view
    gc.collect()
    assert cache.clear() > 0


def test_a_worker_attaches_by_path_and_thereby_keeps_the_entry(tmp_path: Path) -> None:
    cached = load(pictures(tmp_path / "files"))
    path = cached.path
    attached = cache.attach(path)
    assert np.array_equal(attached, cached.values)
    del cached
    gc.collect()
    assert cache.clear() == 0
    del attached
    gc.collect()
    cache.clear()
    with pytest.raises(RunError, match="gone"):
        cache.attach(path)


# ---------------------------------------------------------------- bounds, damage and full disks


def test_the_least_recently_used_entries_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pictures(tmp_path / "files")
    keys = []
    for age, side in enumerate((16, 17, 18)):
        keys.append(load(found, SPEC.model_copy(update={"size": (side, side)})).key)
        index = store.folder() / keys[-1] / store.INDEX
        os.utime(index, ns=(OLD + age, OLD + age))
    gc.collect()
    load(found, SPEC.model_copy(update={"size": (16, 16)}))  # used again: now the youngest
    gc.collect()
    monkeypatch.setenv("AUTOMED_CACHE_GB", str(38_000 / 1e9))  # three such entries and a little
    newest = load(found, SPEC.model_copy(update={"size": (19, 19)}))
    left = {entry.key for entry in cache.show()}
    assert newest.key in left and keys[0] in left and keys[1] not in left


def test_an_entry_larger_than_the_limit_is_still_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOMED_CACHE_GB", "0")
    assert load(pictures(tmp_path / "files")).values.any()


@pytest.mark.parametrize("damage", ["cut", "index", "no index"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str) -> None:
    found = pictures(tmp_path / "files")
    cached = load(found)
    expected, path = np.array(cached.values), cached.path
    del cached
    gc.collect()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "index":
        path.with_name(store.INDEX).write_text("{")
    else:
        path.with_name(store.INDEX).unlink()
    assert len(cache.show()) == 1
    assert np.array_equal(load(found).values, expected)


def test_what_a_killed_process_left_is_cleared_and_never_read(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    key = load(found).key
    gc.collect()
    place = store.folder() / key
    place.rename(place.with_name(f"{key}.part"))
    (place.with_name(f"{key}.part") / store.FILE).write_bytes(b"half")
    assert [entry.about for entry in cache.show()] == ["unfinished"]
    assert load(found).values.any()
    assert [entry.key for entry in cache.show()] == [key]


def full_disk(tmp_path: Path) -> None:
    """As on a full disk: no file of this process may grow beyond 4 kB (the error is EFBIG instead of ENOSPC)."""
    found = records(Files(tuple(tmp_path / "files" / f"{number}.png" for number in range(12))))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        load(found)
    except RunError as problem:
        print(json.dumps([problem.what, problem.where, problem.hint, os.listdir(store.folder())]))  # noqa: PTH208


def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(tmp_path: Path, fresh_cache: Path) -> None:
    pictures(tmp_path / "files")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_cache, pathlib;"
    code += f"test_cache.full_disk(pathlib.Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    what, where, hint, left = json.loads(done.stdout)
    assert "disk is full" in what and "MB" in what and where == str(fresh_cache / "decoded") and "AUTOMED_CACHE" in hint
    assert [name for name in left if not name.endswith(".lock")] == []


def test_more_than_the_disk_holds_is_refused_before_anything_is_written(fresh_cache: Path) -> None:
    shape = (10**9, 64, 64, 3)
    with pytest.raises(RunError, match=r"12,288,000 MB are needed"):
        store.keep("k" * 32, shape, "uint8", lambda: iter(()), "too much", 10**15)
    assert not (fresh_cache / "decoded" / ("k" * 32)).exists()


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUTOMED_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match="cannot be used"):
        load(pictures(tmp_path / "files"))


def test_stopping_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(pictures(tmp_path / "files"), progress=stop)
    assert cache.show() == []
    assert threading.active_count() == 1


def test_a_file_that_changes_while_it_is_read_is_an_error_and_is_not_kept(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    load(found)
    path = tmp_path / "files" / "4.png"
    Image.new("RGB", (20, 20)).save(path)
    # The index knows this path, size and time by other content: as if the file had changed after it was digested.
    os.utime(path, ns=(OLD, OLD))
    path.write_bytes(path.read_bytes().ljust(1300, b"\0"))
    os.utime(path, ns=(OLD, OLD))
    load(found)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(OLD, OLD))
    with pytest.raises(DataError, match="row 5 changed"):
        load(found, SPEC.model_copy(update={"size": (9, 9)}))


def test_clear_takes_the_beginning_of_a_key_and_refuses_unknown_ones(tmp_path: Path) -> None:
    found = pictures(tmp_path / "files")
    keys = [load(found, SPEC.model_copy(update={"size": (side, side)})).key for side in (16, 17)]
    gc.collect()
    assert cache.clear([keys[0][:12]]) > 0
    assert [entry.key for entry in cache.show()] == [keys[1]]
    with pytest.raises(UsageError, match="zzz"):
        cache.clear(["zzz"])


def test_what_is_shown_says_what_it_is(tmp_path: Path) -> None:
    load(pictures(tmp_path / "files"))
    (entry,) = cache.show()
    assert entry.about == "12 pictures, 16x16x3, stretch"
    assert entry.bytes >= 12 * 16 * 16 * 3 and abs(entry.used.timestamp() - time.time()) < 60


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_BLOCK_BYTES", 32 * 16 * 16 * 3)
    found = pictures(tmp_path / "files", n=4)
    item = found.items["picture"]
    assert isinstance(item, Files)
    peaks = []
    for times in (10, 20, 120):  # the first one warms everything up
        many = records(Files(item.paths * times))
        tracemalloc.start()
        load(many)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # What remains is a path and a digest each, not 768 bytes of pixels.
    assert peaks[2] - peaks[1] < 400 * 600
