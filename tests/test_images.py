"""Decoding: what a file becomes, whatever its format, and how a broken one is told from a good one."""

from __future__ import annotations

import io
import logging
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless, SecondaryCaptureImageStorage, generate_uid

from automed.data.decode.images import ImageFacts, Unreadable, decode, decode_array, decode_bytes, probe
from automed.recipe import ImageInput


def grey(size: int | tuple[int, int] = 8, **more: Any) -> ImageInput:
    return ImageInput(kind="image", size=(size, size) if isinstance(size, int) else size, channels=1, **more)


def colour(size: int | tuple[int, int] = 8, **more: Any) -> ImageInput:
    return ImageInput(kind="image", size=(size, size) if isinstance(size, int) else size, channels=3, **more)


def saved(path: Path, image: Image.Image, **more: Any) -> Path:
    image.save(path, **more)
    return path


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    """A colour picture whose left is dark, whose right is light, and whose top is redder than its bottom."""
    across = np.broadcast_to(np.linspace(0, 255, width), (height, width))
    down = np.broadcast_to(np.linspace(255, 0, height)[:, None], (height, width))
    return np.stack([down, across, across], axis=-1).astype(np.uint8)


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG by hand, for what Pillow reads and does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


# ---------------------------------------------------------------- formats and modes


@pytest.mark.parametrize(("name", "slack"), [("a.png", 0), ("a.bmp", 0), ("a.tif", 0), ("a.jpg", 12)])
def test_every_format_gives_the_pixels_that_were_saved(tmp_path: Path, name: str, slack: int) -> None:
    pixels = gradient()
    found = decode(
        saved(tmp_path / name, Image.fromarray(pixels), **({"quality": 95} if slack else {})), colour((40, 60))
    )
    assert found.dtype == np.uint8 and found.shape == (40, 60, 3)
    assert np.abs(found.astype(int) - pixels).max() <= slack


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_gives_the_channels_that_were_asked_for(tmp_path: Path, mode: str, channels: int) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(gradient()).convert(mode))
    spec = grey() if channels == 1 else colour()
    found = decode(path, spec)
    assert found.shape == (8, 8, channels)
    assert found[:, -1].mean() > found[:, 0].mean()


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "a.jpg"), ("YCbCr", "a.jpg"), ("CMYK", "a.tif"), ("LAB", "a.tif")])
def test_colours_of_print_and_video_become_rgb(tmp_path: Path, mode: str, name: str) -> None:
    image = Image.new("RGB", (20, 20), (200, 40, 60)).convert(mode)
    path = saved(tmp_path / name, image, **({"quality": 95} if name == "a.jpg" else {}))
    assert np.abs(decode(path, colour())[4, 4].astype(int) - (200, 40, 60)).max() < 12


def test_transparent_pixels_are_black_whatever_colour_hides_in_them(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[:, :4, 3] = 0
    found = decode(saved(tmp_path / "a.png", Image.fromarray(pixels)), colour())
    assert (found[:, :4] == 0).all() and (found[:, 4:] == 255).all()


def test_a_palette_with_a_transparent_colour_is_laid_over_black(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(0, (0, 0, 4, 8))
    found = decode(saved(tmp_path / "a.png", image, transparency=0), colour())
    assert (found[:, :4] == 0).all()
    assert (found[:, 4:] == (0, 255, 0)).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_by_their_depth_and_not_clipped(tmp_path: Path, name: str) -> None:
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    path = saved(tmp_path / name, Image.fromarray(values))
    assert np.abs(decode(path, grey())[..., 0] - values / 257.0).max() <= 0.51
    assert probe(path).bits == 16


def test_sixteen_bit_colour_keeps_its_high_bits() -> None:
    row = b"\0" + struct.pack(">3H", 65535, 32768, 300) * 8
    data = png(8, 8, 16, 2, row * 8)
    assert np.abs(decode_bytes(data, colour())[0, 0].astype(int) - (255, 128, 1)).max() <= 1


def test_a_window_replaces_the_depth_for_sixteen_bits_and_leaves_eight_alone(tmp_path: Path) -> None:
    values = np.tile(np.array([900, 949, 950, 1000, 1050, 1051, 1100, 9999], np.uint16), (8, 1))
    found = decode(saved(tmp_path / "a.png", Image.fromarray(values)), grey(window=(1000, 100)))
    assert found[0, :, 0].tolist() == [0, 0, 0, 128, 255, 255, 255, 255]
    flat = saved(tmp_path / "b.png", Image.fromarray(np.full((8, 8), 77, np.uint8)))
    assert (decode(flat, grey(window=(1000, 100))) == 77).all()


def test_values_of_32_bits_are_stretched_between_their_extremes(tmp_path: Path) -> None:
    ramp = np.linspace(-0.5, 3.5, 64).reshape(8, 8)
    for number, values in enumerate((ramp.astype(np.float32), (ramp * 1e6).astype(np.int32))):
        found = decode(saved(tmp_path / f"{number}.tif", Image.fromarray(values)), grey())
        assert (found.min(), found.max()) == (0, 255)
        assert (np.diff(found.reshape(-1).astype(int)) >= 0).all()


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = np.zeros((8, 8), np.float32)
    values[0, 0] = np.nan
    with pytest.raises(Unreadable, match="not finite"):
        decode(saved(tmp_path / "a.tif", Image.fromarray(values)), grey())


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_tiffs_whose_white_is_zero_are_shown_as_meant(tmp_path: Path, depth: type) -> None:
    values = np.linspace(0, np.iinfo(depth).max, 64).astype(depth).reshape(8, 8)
    path = saved(tmp_path / "a.tif", Image.fromarray(values), tiffinfo={262: 1})
    positive = decode(path, grey())
    whole = bytearray(path.read_bytes())
    entry = whole.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little"))
    whole[entry + 8] = 0
    path.write_bytes(whole)
    assert np.array_equal(decode(path, grey()), 255 - positive)


# ---------------------------------------------------------------- geometry


@given(height=st.integers(1, 90), width=st.integers(1, 90), side=st.integers(8, 40), tall=st.integers(8, 40))
@settings(max_examples=60, deadline=None)
def test_any_size_becomes_the_size_that_was_asked_for_the_same_way_twice(
    height: int, width: int, side: int, tall: int
) -> None:
    pixels = np.arange(height * width, dtype=np.uint32).reshape(height, width).astype(np.uint8)
    for fit in ("stretch", "pad", "crop"):
        spec = grey((tall, side), fit=fit)
        found = decode_array(pixels, spec)
        assert found.shape == (tall, side, 1)
        assert np.array_equal(found, decode_array(pixels, spec))


@given(height=st.integers(8, 300), width=st.integers(8, 300), side=st.integers(16, 64))
@settings(max_examples=60, deadline=None)
def test_padding_keeps_the_aspect_and_centres_the_picture(height: int, width: int, side: int) -> None:
    found = decode_array(np.full((height, width), 255, np.uint8), grey(side, fit="pad"))[..., 0]
    rows, columns = found.any(axis=1), found.any(axis=0)
    assert max(rows.sum(), columns.sum()) == side
    assert abs(rows.sum() - side * min(1, height / width)) <= 1
    assert abs(columns.sum() - side * min(1, width / height)) <= 1
    for seen in (rows, columns):
        before, after = np.argmax(seen), np.argmax(seen[::-1])
        assert abs(int(before) - int(after)) <= 1


def test_cropping_keeps_the_middle_and_stretching_keeps_everything() -> None:
    pixels = np.zeros((20, 60), np.uint8)
    pixels[:, :20], pixels[:, 40:] = 255, 255
    assert not decode_array(pixels, grey(20, fit="crop")).any()
    assert decode_array(pixels, grey(20, fit="stretch"))[:, 0].all()


def test_shrinking_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    found = decode_array(stripes, grey(16)).astype(int)
    assert np.abs(found - 127).max() <= 20


def test_a_large_jpeg_is_decoded_small_with_nothing_lost_to_the_eye(tmp_path: Path) -> None:
    pixels = gradient(900, 1200)
    found = decode(saved(tmp_path / "a.jpg", Image.fromarray(pixels), quality=95), colour(32))
    assert np.abs(found.astype(int) - decode_array(pixels, colour(32))).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_exif_orientation_turns_the_picture_upright(tmp_path: Path, name: str, orientation: int) -> None:
    upright = Image.fromarray(gradient(48, 32))
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[274] = orientation
    path = saved(tmp_path / name, stored, exif=exif, **({"quality": 95} if name == "a.jpg" else {}))
    found = decode(path, colour((48, 32)))
    assert np.abs(found.astype(int) - gradient(48, 32)).max() <= 16
    facts = probe(path)
    assert (facts.width, facts.height) == (32, 48)


# ---------------------------------------------------------------- broken files


def reason(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        decode(path, colour())
    return caught.value.reason


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif"])
def test_a_truncated_file_is_refused_and_never_padded(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / name, Image.fromarray(noise))
    whole = path.read_bytes()
    assert decode(path, colour()).any()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        # A TIFF keeps its directory at the end: cut off, it is no TIFF any more.
        allowed = ("truncated", "damaged", "a kind of image that is not supported, or damaged")
        assert reason(path) in (allowed if name == "a.tif" else allowed[:1])


def test_a_text_named_png_an_empty_file_a_folder_and_nothing_are_told_apart(tmp_path: Path) -> None:
    text, empty, folder = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    text.write_text("patient,label\n")
    empty.touch()
    folder.mkdir()
    assert reason(text) == "not an image"
    assert reason(empty) == "empty"
    assert reason(folder) == "a folder"
    assert reason(tmp_path / "d.png") == "missing"
    assert reason(text / "e.png") == "missing"
    assert reason(Path()) == "no file named"
    for path in (text, empty, folder, tmp_path / "d.png"):
        with pytest.raises(Unreadable):
            probe(path)


def test_formats_that_run_programs_or_were_not_asked_for_are_not_tried(tmp_path: Path) -> None:
    saved(tmp_path / "a.gif", Image.new("L", (8, 8)))
    (tmp_path / "a.gif").rename(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    assert reason(tmp_path / "a.png") == reason(tmp_path / "b.png") == "not an image"


@pytest.mark.parametrize(("side", "megapixels"), [(10_000, 100), (20_000, 400)])
def test_a_decompression_bomb_is_refused_before_memory_is_taken(tmp_path: Path, side: int, megapixels: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(side, side, 1, 0, bytes(side * (side // 8 + 1))))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    assert reason(path) == f"too large ({megapixels} megapixels)"
    with pytest.raises(Unreadable, match="too large"):
        probe(path)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.fixture(scope="module")
def samples() -> list[bytes]:
    """Small valid files of each format."""
    image = Image.fromarray(gradient(24, 16))
    files = []
    for kind in ("JPEG", "PNG", "BMP", "TIFF"):
        buffer = io.BytesIO()
        image.save(buffer, kind)
        files.append(buffer.getvalue())
    buffer = io.BytesIO()
    dicom(np.arange(64, dtype=np.uint16).reshape(8, 8)).save_as(buffer)
    return [*files, buffer.getvalue()]


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_damage_gives_a_picture_or_a_reason(samples: list[bytes], data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(1, 6))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(file)))
    try:
        assert decode_bytes(bytes(file[:cut]), colour()).shape == (8, 8, 3)
    except Unreadable as problem:
        assert problem.reason and "\n" not in problem.reason


def test_decoders_warn_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken_exif = saved(tmp_path / "a.jpg", Image.new("RGB", (8, 8)), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        decode(broken_exif, colour())
        with pytest.raises(Unreadable):
            decode_bytes(png(10_000, 10_000, 1, 0, b""), colour())
        warnings.warn("ours", stacklevel=1)
    assert [str(one.message) for one in seen] == ["ours"]
    assert list(warnings.filters) == before


# ---------------------------------------------------------------- arrays


def test_arrays_follow_the_rules_of_files(tmp_path: Path) -> None:
    pixels = gradient()
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    for spec in (colour(16), grey(16, fit="pad"), colour((8, 24), fit="crop")):
        assert np.array_equal(decode(path, spec), decode_array(pixels, spec))
    deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    assert np.array_equal(
        decode(saved(tmp_path / "b.png", Image.fromarray(deep)), grey(16)), decode_array(deep, grey(16))
    )
    assert np.array_equal(decode_array(deep[..., None], grey(16)), decode_array(deep, grey(16)))


# ---------------------------------------------------------------- headers


def test_a_header_tells_size_format_and_camera_without_decoding(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Canon\0", "EOS  5D"
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (30, 20)), exif=exif)
    assert probe(path) == ImageFacts(30, 20, "JPEG", "RGB", 8, "Canon EOS 5D")
    path.write_bytes(path.read_bytes()[:-20])
    assert probe(path).width == 30
    assert probe(saved(tmp_path / "b.png", Image.new("1", (9, 8)))) == ImageFacts(9, 8, "PNG", "1", 1, None)


# ---------------------------------------------------------------- DICOM


def dicom(pixels: np.ndarray, kind: str = "MONOCHROME2", **more: Any) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    header = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = SecondaryCaptureImageStorage, meta.MediaStorageSOPInstanceUID
    header.Rows, header.Columns = pixels.shape[-3:-1] if kind == "RGB" else pixels.shape[-2:]
    header.SamplesPerPixel = 3 if kind == "RGB" else 1
    if kind == "RGB":
        header.PlanarConfiguration = 0
    header.PhotometricInterpretation = kind
    header.BitsAllocated = pixels.dtype.itemsize * 8
    header.BitsStored = more.pop("BitsStored", header.BitsAllocated)
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(pixels.dtype.kind == "i")
    header.PixelData = pixels.tobytes()
    for key, value in more.items():
        setattr(header, key, value)
    return header


def dicom_file(path: Path, pixels: np.ndarray, kind: str = "MONOCHROME2", **more: Any) -> Path:
    dicom(pixels, kind, **more).save_as(path, enforce_file_format=True)
    return path


RAMP = np.arange(64, dtype=np.uint16).reshape(8, 8) * 64  # 0..4032: 12 bits


def test_dicom_is_scaled_by_its_stored_bits(tmp_path: Path) -> None:
    found = decode(dicom_file(tmp_path / "a.dcm", RAMP, BitsStored=12), grey())[..., 0]
    assert np.abs(found - RAMP / 4095 * 255).max() <= 0.51


def test_monochrome1_is_the_negative_of_monochrome2(tmp_path: Path) -> None:
    one = decode(dicom_file(tmp_path / "a.dcm", RAMP, "MONOCHROME1", BitsStored=12), grey())
    two = decode(dicom_file(tmp_path / "b.dcm", RAMP, "MONOCHROME2", BitsStored=12), grey())
    assert np.abs(one.astype(int) + two - 255).max() <= 1


def test_rescaled_units_go_through_the_recipes_window_before_the_files(tmp_path: Path) -> None:
    units = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": [0, 50], "WindowWidth": [4000, 100]}
    path = dicom_file(tmp_path / "a.dcm", RAMP, BitsStored=12, **units)
    hounsfield = RAMP.astype(float) - 1024
    found = decode(path, grey(window=(40, 400)))[..., 0]
    assert np.abs(found - np.clip((hounsfield + 160) / 400, 0, 1) * 255).max() <= 0.51
    # The standard's linear function: C.11.2.1.2.1, with its half unit.
    own = decode(path, grey())[..., 0]
    assert np.abs(own - np.clip((hounsfield + 0.5) / 3999 + 0.5, 0, 1) * 255).max() <= 0.51


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_the_files_own_window_function_is_followed(tmp_path: Path, function: str) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": function}
    found = decode(dicom_file(tmp_path / "a.dcm", RAMP, BitsStored=12, **window), grey())[..., 0]
    x = (RAMP.astype(float) - 2000) / 1000
    expected = 1 / (1 + np.exp(-4 * x)) if function == "SIGMOID" else np.clip(x + 0.5, 0, 1)
    assert np.abs(found - expected * 255).max() <= 0.51


def test_signed_values_keep_their_order(tmp_path: Path) -> None:
    values = np.linspace(-2048, 2047, 64).astype(np.int16).reshape(8, 8)
    found = decode(dicom_file(tmp_path / "a.dcm", values, BitsStored=12), grey()).reshape(-1)
    assert (np.diff(found.astype(int)) >= 0).all()
    assert (found[0], found[-1]) == (0, 255)


def test_a_lookup_table_replaces_a_missing_window(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [64, 0, 8], list(range(255, 191, -1))
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)
    header = dicom(values)
    header.VOILUTSequence = [table]
    header.VOILUTSequence[0]["LUTData"].VR = "US"
    header.VOILUTSequence[0]["LUTDescriptor"].VR = "US"
    header.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.array_equal(decode(tmp_path / "a.dcm", grey())[..., 0], 255 - values)


def test_dicom_colour_palette_and_losslessly_compressed_files_are_read(tmp_path: Path) -> None:
    pixels = gradient(8, 8)
    assert np.array_equal(decode(dicom_file(tmp_path / "a.dcm", pixels, "RGB"), colour()), pixels)
    ramp, zero = (np.arange(64) * 1024).astype("<u2").tobytes(), np.zeros(64, "<u2").tobytes()
    luts: dict[str, Any] = {}
    for name, table in (("Red", ramp), ("Green", zero), ("Blue", zero)):
        luts[f"{name}PaletteColorLookupTableDescriptor"] = [64, 0, 16]
        luts[f"{name}PaletteColorLookupTableData"] = table
    index = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = decode(dicom_file(tmp_path / "b.dcm", index, "PALETTE COLOR", **luts), colour())
    assert np.abs(found[..., 0] - index.astype(float) * 1024 / 257).max() <= 0.51 and not found[..., 1:].any()
    header = dicom(RAMP, BitsStored=12)
    header.compress(RLELossless)
    header.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    plain = decode(dicom_file(tmp_path / "d.dcm", RAMP, BitsStored=12), grey())
    assert np.array_equal(decode(tmp_path / "c.dcm", grey()), plain)


def test_dicom_without_its_preamble_is_read_by_its_extension(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    header = dicom(RAMP, BitsStored=12)
    expected = decode(dicom_file(tmp_path / "b.dcm", RAMP, BitsStored=12), grey())
    bare = Dataset()
    bare.update({element.tag: element for element in header})
    bare.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(decode(path, grey()), expected)


def test_a_compression_without_a_decoder_names_itself_and_the_remedy(tmp_path: Path) -> None:
    header = dicom(RAMP)
    header.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    header.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    header["PixelData"].is_undefined_length = True
    header.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(Unreadable, match=r"JPEG Lossless.*pylibjpeg"):
        decode(tmp_path / "a.dcm", grey())


def test_dicom_that_holds_no_single_picture_says_so(tmp_path: Path) -> None:
    film = dicom_file(tmp_path / "a.dcm", np.zeros((3, 8, 8), np.uint8), NumberOfFrames=3)
    with pytest.raises(Unreadable, match="3 frames"):
        decode(film, grey())
    report = dicom(RAMP)
    del report.PixelData
    report.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    with pytest.raises(Unreadable, match="without pixels"):
        decode(tmp_path / "b.dcm", grey())
    (tmp_path / "c.dcm").write_text("not a DICOM file at all, whatever its name says")
    with pytest.raises(Unreadable):
        decode(tmp_path / "c.dcm", grey())
    cut = dicom_file(tmp_path / "d.dcm", RAMP)
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(Unreadable):
        decode(cut, grey())
    huge = dicom(RAMP)
    huge.Rows = huge.Columns = 40_000
    huge.save_as(tmp_path / "e.dcm", enforce_file_format=True)
    with pytest.raises(Unreadable, match="too large"):
        decode(tmp_path / "e.dcm", grey())


def test_a_dicom_header_tells_the_scanner(tmp_path: Path) -> None:
    path = dicom_file(tmp_path / "a.dcm", RAMP, BitsStored=12, Manufacturer="ACME", ManufacturerModelName="CT 9")
    assert probe(path) == ImageFacts(8, 8, "DICOM", "MONOCHROME2", 12, "ACME CT 9")
