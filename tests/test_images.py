"""Every kind of image file becomes one upright 8-bit RGB picture, or is refused with a reason."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from headstart.modalities import UnreadableError
from headstart.modalities.image import ImageModality
from headstart.modalities.image.formats import SUFFIXES
from headstart.modalities.image.read import quiet, to_rgb
from headstart.modalities.image.show import thumbnail_data_uri

ORIENTATION = 0x0112
WHITE = (255, 255, 255)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes, **options) -> Image.Image:
    picture = ImageModality().read(data, **options)
    assert picture.image.mode == "RGB"
    if not options:
        assert picture.image.size == picture.size
    return picture.image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=int)


def reason(data: bytes) -> str:
    with pytest.raises(UnreadableError) as caught:
        ImageModality().read(data)
    return str(caught.value)


@pytest.fixture
def corner():
    """Blue, with a red top left quarter: no turn or mirror image of it looks the same."""
    image = Image.new("RGB", (48, 32), "blue")
    image.paste("red", (0, 0, 16, 16))
    return image


def photo(width: int, height: int) -> Image.Image:
    """Smooth colours under a fine texture and noise."""
    y, x = np.mgrid[:height, :width]
    waves = (np.sin(x / 300), np.cos(y / 250), np.sin((x + y) / 400))
    smooth = np.stack([127 + 90 * wave for wave in waves], axis=-1)
    texture = 30 * np.sin(x / 3) * np.sin(y / 4)
    noise = np.random.default_rng(0).normal(0, 12, (height, width))
    return Image.fromarray(np.clip(smooth + (texture + noise)[..., None], 0, 255).astype(np.uint8))


# ------------------------------------------------------------------ upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_eight_orientations_give_the_same_upright_picture(corner, orientation, kind):
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corner.transpose(inverse[orientation]) if orientation > 1 else corner
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    picture = ImageModality().read(encode(stored, kind, exif=exif, **options))
    assert picture.size == (48, 32)
    assert np.abs(pixels(picture.image) - pixels(corner)).max() <= (8 if kind == "JPEG" else 0)


def test_the_size_of_a_photo_read_at_a_reduced_scale_is_that_of_its_file():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(Image.new("RGB", (800, 600)), "JPEG", exif=exif)
    picture = ImageModality().read(data, detail=64)
    assert picture.size == (600, 800)
    assert picture.image.size == (150, 200)  # never below twice the short side


@pytest.mark.parametrize("value", [0, 9, 255])
def test_an_orientation_that_does_not_exist_is_ignored(corner, value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    assert read(encode(corner, "PNG", exif=exif)).size == corner.size


def test_an_orientation_of_the_wrong_type_is_ignored(corner):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    data = encode(corner, "JPEG", exif=exif)
    short, undefined = (struct.pack(">HHI", ORIENTATION, kind, 1) for kind in (3, 7))
    assert short in data
    assert read(data.replace(short, undefined)).size == corner.size


# ------------------------------------------------------------------ modes and depths


def test_grayscale():
    gray = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    for image in (read(encode(gray, "PNG")), read(encode(gray, "JPEG", quality=100))):
        assert np.abs(pixels(image) - pixels(gray)[..., None]).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    image = read(encode(Image.fromarray(ramp), kind))
    np.testing.assert_array_equal(pixels(image)[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_12_bits_in_16_stay_visible(kind):
    ramp = np.linspace(0, 4095, 256).astype(np.uint16).reshape(16, 16)
    image = read(encode(Image.fromarray(ramp), kind))
    np.testing.assert_array_equal(pixels(image)[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order(byte_order):
    """Written by hand, since Pillow writes only one."""
    values = np.linspace(0, 65535, 64).astype(f"{byte_order}u2")
    tags = [
        *((256, 4, 8), (257, 4, 8), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 134)),
        *((277, 3, 1), (278, 4, 8), (279, 4, 128)),
    ]
    data = (b"II" if byte_order == "<" else b"MM") + struct.pack(f"{byte_order}HIH", 42, 8, 9)
    for tag, kind, value in tags:
        data += struct.pack(f"{byte_order}HHI", tag, kind, 1)
        data += struct.pack(f"{byte_order}{'I' if kind == 4 else 'HH'}", *[value, 0][: 5 - kind])
    data = data.ljust(134, b"\0") + values.tobytes()
    expected = np.round(np.linspace(0, 65535, 64).astype(int) / 257).astype(int)
    np.testing.assert_array_equal(pixels(read(data))[..., 0].ravel(), expected)


def test_32_bit_integers():
    ramp = np.linspace(0, 2**20 - 1, 256).astype(np.int32).reshape(16, 16)
    image = read(encode(Image.fromarray(ramp), "TIFF"))
    np.testing.assert_array_equal(pixels(image)[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.5, 1000.0), (1e-9, 2e-9)])
def test_floats_are_stretched_over_their_range(low, high):
    ramp = np.linspace(low, high, 256, dtype=np.float32).reshape(16, 16)
    image = read(encode(Image.fromarray(ramp), "TIFF"))
    assert np.abs(pixels(image)[..., 0].ravel() - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[np.nan, 0.0, 1.0]], [0, 0, 255]),
        ([[-np.inf, 0.0, 1.0, np.inf]], [0, 0, 255, 255]),
        ([[np.nan, np.nan]], [0, 0]),
        ([[7.0, 7.0]], [0, 0]),
    ],
)
def test_floats_that_are_no_numbers(values, expected):
    image = read(encode(Image.fromarray(np.array(values, dtype=np.float32)), "TIFF"))
    assert pixels(image)[0, :, 0].tolist() == expected


def test_cmyk_jpeg(corner):
    image = read(encode(corner.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(pixels(image) - pixels(corner)).mean() < 5


def test_palette(corner):
    image = read(encode(corner.quantize(4), "PNG"))
    assert np.abs(pixels(image) - pixels(corner)).max() <= 1


def test_palette_with_a_transparent_colour(corner):
    paletted = corner.quantize(4)
    red = paletted.getpixel((0, 0))
    image = read(encode(paletted, "PNG", transparency=red))
    assert image.getpixel((0, 0)) == WHITE
    assert image.getpixel((40, 20)) == (0, 0, 255)


def test_palette_with_degrees_of_transparency(corner):
    paletted = corner.quantize(2)
    alphas = bytes([128, 128])
    image = read(encode(paletted, "PNG", transparency=alphas))
    assert np.abs(np.array(image.getpixel((0, 0))) - (255, 127, 127)).max() <= 1


def test_rgb_with_a_transparent_colour(corner):
    image = read(encode(corner, "PNG", transparency=(255, 0, 0)))
    assert image.getpixel((0, 0)) == WHITE
    assert image.getpixel((40, 20)) == (0, 0, 255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_over_white(kind):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 127), (255, 0, 0, 0)])
    got = read(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.abs(pixels(got)[0] - [(255, 0, 0), (255, 128, 128), WHITE]).max() <= 1


def test_gray_with_alpha_over_white():
    image = Image.new("LA", (3, 1))
    image.putdata([(0, 255), (0, 127), (0, 0)])
    assert np.abs(pixels(read(encode(image, "PNG")))[0, :, 1] - [0, 128, 255]).max() <= 1


def test_one_bit():
    image = Image.new("1", (2, 1))
    image.putdata([0, 255])
    assert pixels(read(encode(image, "PNG")))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_the_first_frame_of_an_animation(corner):
    frames = [Image.new("RGB", corner.size, colour) for colour in ("lime", "black")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encode(corner, kind, save_all=True, append_images=frames, duration=50)
        got = read(data, detail=0)
        assert np.abs(pixels(got) - pixels(corner)).mean() < 8, kind


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "TGA", "ICO", "GIF"])
def test_lossless_formats(corner, kind):
    square = corner.crop((0, 0, 32, 32))
    options = {"ICO": {"sizes": [(32, 32)]}}.get(kind, {})
    np.testing.assert_array_equal(pixels(read(encode(square, kind, **options))), pixels(square))


@pytest.mark.parametrize(
    ("kind", "options"), [("WEBP", {"quality": 90}), ("JPEG2000", {}), ("JPEG", {"quality": 90})]
)
def test_lossy_formats(corner, kind, options):
    assert np.abs(pixels(read(encode(corner, kind, **options))) - pixels(corner)).mean() < 5


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGBA", "RGBa", "CMYK", "HSV", "1"])
def test_any_mode_of_pillow(mode):
    white = Image.new("RGBA", (2, 2), "white")
    via = {"PA": "P", "RGBa": "RGBA", "CMYK": "RGB", "HSV": "RGB"}.get(mode, mode)
    image = white.convert(via).convert(mode)
    assert to_rgb(image).mode == "RGB"
    assert to_rgb(image).getpixel((1, 1)) == WHITE


# ------------------------------------------------------------------ what cannot be read


def test_an_empty_file():
    assert reason(b"") == "empty file"


def test_text_by_the_name_of_an_image(tmp_path):
    (tmp_path / "cat.jpg").write_text("this is not a cat")
    assert ImageModality().recognise("file", "cat.jpg", b"") == 1
    assert reason((tmp_path / "cat.jpg").read_bytes()) == "not an image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_truncated_files(kind, kept):
    data = encode(photo(64, 64), kind)
    assert reason(data[: int(len(data) * kept)]).startswith(("damaged (", "not an image"))


def test_a_truncated_jpeg_at_a_reduced_scale():
    data = encode(photo(1200, 900), "JPEG")
    with pytest.raises(UnreadableError, match="damaged"):
        ImageModality().read(data[: len(data) // 2], detail=64)


def claiming(width: int, height: int) -> bytes:
    """Sixty bytes of PNG that claim to be a picture of that size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_decompression_bomb():
    assert "too many pixels (a decompression bomb?" in reason(claiming(30000, 30000))


def test_pillow_remarks_are_not_for_the_user(corner):
    with quiet():
        assert reason(claiming(10000, 10000)).startswith("damaged")  # large, but within the limit
        exif = Image.Exif()
        exif[ORIENTATION], exif[270] = 6, "a cat"
        told, untrue = (struct.pack(">HHI", 270, 2, length) for length in (6, 60000))
        data = encode(corner, "JPEG", exif=exif).replace(told, untrue)
        assert read(data).size == (32, 48)
    with pytest.warns(UserWarning, match="Truncated|Corrupt|larger"):
        read(data)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]), st.data())
def test_any_bytes_are_read_or_refused(noise, kind, draw):
    whole = encode(Image.new("RGB", (9, 7), "teal"), kind)
    cut = draw.draw(st.integers(0, len(whole)))
    for data in (noise, whole[:cut] + noise, whole[:cut] + noise + whole[cut + len(noise) :]):
        try:
            with quiet():
                read(data)
        except UnreadableError as error:
            assert str(error)


# ---- JPEG at a reduced scale


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_full_scale_is_what_pillow_decodes(quality, subsampling, progressive):
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
    data = encode(photo(201, 133), "JPEG", **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = pixels(image.convert("RGB"))
    assert np.abs(pixels(read(data)) - expected).max() <= 1


def test_gray_jpeg_at_full_scale_is_what_pillow_decodes():
    data = encode(photo(201, 133).convert("L"), "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        expected = pixels(image.convert("RGB"))
    assert np.abs(pixels(read(data)) - expected).max() <= 1


def test_a_reduced_scale_changes_little_of_what_a_network_sees():
    data = encode(photo(3000, 2000), "JPEG", quality=90)
    full, reduced = read(data), ImageModality().read(data, detail=256).image
    assert full.size == (3000, 2000)
    assert 512 <= min(reduced.size) < 2000
    small = [
        pixels(image.resize((384, 256), Image.Resampling.BICUBIC)) for image in (full, reduced)
    ]
    off = np.abs(small[0] - small[1])
    # Measured 0.22 of 255 levels on average and 2 at most.
    message = f"mean {off.mean():.3f}, largest {off.max()} of 255 levels"
    assert off.mean() < 0.4, message
    assert off.max() <= 6, message


@pytest.mark.parametrize(
    ("size", "short_side"), [((1023, 2000), 256), ((256, 256), 256), ((300, 5000), 224)]
)
def test_what_is_not_four_times_as_large_is_read_in_full(size, short_side):
    picture = ImageModality().read(encode(Image.new("RGB", size), "JPEG"), detail=short_side)
    assert picture.image.size == size


# ------------------------------------------------------------------ properties and the rest


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(
        [
            *(("RGB", "PNG"), ("RGB", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("RGBA", "PNG")),
            *(("LA", "PNG"), ("P", "PNG"), ("1", "PNG"), ("CMYK", "JPEG"), ("I;16", "PNG")),
            *(("F", "TIFF"), ("I", "TIFF"), ("RGB", "WEBP"), ("P", "GIF"), ("RGB", "BMP")),
        ]
    ),
    st.sampled_from([0, 1, 32, 224]),
)
def test_any_size_in_any_mode_reads_as_rgb_of_that_size(width, height, kind, short_side):
    mode, container = kind
    data = encode(Image.new(mode, (width, height)), container)
    picture = ImageModality().read(data, detail=short_side)
    assert picture.size == (width, height)
    assert picture.image.mode == "RGB"
    reducible = container == "JPEG" and 0 < 4 * short_side <= min(width, height)
    if reducible:
        assert min(picture.image.size) >= 2 * short_side
    else:
        assert picture.image.size == (width, height)


def test_recognise():
    assert {".jpg", ".png", ".tif", ".webp"} < SUFFIXES
    recognise = ImageModality().recognise
    assert recognise("file", "a/CAT.JPG", b"") == 1
    assert recognise("file", "a/cat.txt", b"") == 0


def test_thumbnail(corner):
    uri = thumbnail_data_uri(corner, 24)
    kind, _, payload = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(payload))).size == (24, 16)
    assert corner.size == (48, 32)  # the original is left alone


# ------------------------------------------------------------------ formats


@pytest.mark.parametrize("kind", ["AVIF", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000"])
def test_an_image_is_recognised_without_a_suffix(corner, kind):
    data = encode(corner, kind)
    assert ImageModality().recognise("file", "photo", data[:512]) == 1
    assert read(data).size == corner.size


@pytest.mark.parametrize("text", [b"To do: buy milk", b"path,label\n1.png,a\n", b"", b"\0" * 200])
def test_other_files_are_not_taken_for_images(text):
    assert ImageModality().recognise("file", "notes", text) == 0


HEIC = b"\0\0\0\x18ftypheic" + bytes(300)
DICOM = bytes(128) + b"DICM" + bytes(300)


@pytest.mark.parametrize(
    ("name", "data", "mend"),
    [
        ("IMG_1.HEIC", HEIC, "pip install pillow-heif"),
        ("scan", DICOM, "export it as PNG"),
        ("scan.dcm", DICOM, "export it as PNG"),
    ],
)
def test_formats_that_need_more_have_a_row_and_a_mend(name, data, mend):
    assert ImageModality().recognise("file", name, data[:512]) == 1
    assert mend in reason(data)


def test_postscript_is_never_handed_to_another_program(tmp_path, monkeypatch):
    """Pillow would run Ghostscript on it."""
    from PIL import EpsImagePlugin

    ran = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **more: ran.append(given))
    data = encode(Image.new("RGB", (8, 8)), "EPS")
    assert "PostScript" in reason(data)
    assert "PostScript" in reason(
        b"\xc5\xd0\xd3\xc6" + struct.pack("<IIIIIIH", 32, 8, 0, 0, 0, 0, 0)
    )
    assert not ran


def test_lines_that_libraries_print_are_caught_and_named(corner, capfd):
    """libtiff writes past Python to the terminal, and says nowhere else what is wrong."""
    import sys

    data = bytearray(encode(photo(80, 64), "TIFF", compression="tiff_lzw"))
    data[60:100] = b"\xff" * 40
    with quiet():
        why = reason(bytes(data))
        sys.stderr.write("progress")  # ours still arrives
        assert read(encode(corner, "TIFF")).size == corner.size
    assert "Using code not yet in table" in why
    printed = capfd.readouterr()
    assert "not yet in table" not in printed.err + printed.out
    assert "progress" in printed.err


def test_circumstances():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Canon", "EOS 5D", "2024:05:17 10:00:00"
    data = encode(photo(64, 48), "JPEG", quality=83, exif=exif)
    told = ImageModality().read(data).circumstances
    assert told["file format"] == "JPEG" and told["file size in bytes"] == len(data)
    assert told["JPEG quality"] == pytest.approx(83, abs=1)
    assert told["camera"] == "Canon EOS 5D"
    plain = ImageModality().read(encode(photo(64, 48), "PNG")).circumstances
    assert plain.keys() == {"file format", "file size in bytes"}


@pytest.mark.parametrize(("mode", "side"), [("RGBA", 10_200), ("I;16", 10_200)])
def test_images_beyond_the_limit_of_memory_are_refused_before_they_are_read(mode, side):
    blank = (
        Image.new("L", (1, 1)) if mode == "RGBA" else Image.fromarray(np.zeros((1, 1), np.uint16))
    )
    data = bytearray(encode(blank.convert("RGBA") if mode == "RGBA" else blank, "PNG"))
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with quiet():  # Pillow warns of fewer
        assert "too many pixels" in reason(bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    ("values", "told"),
    [((0, 6), "black all over"), ((200, 203), "one colour all over"), ((0, 256), "")],
)
def test_what_holds_nothing_to_see_is_told(values, told, kind):
    """The noise of a camera behind its cap is black; noise that is loud is no colour."""
    pixels = np.random.default_rng(0).integers(*values, (180, 240, 3), np.uint8)
    modality, file = ImageModality(), io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    picture = modality.read(file.getvalue(), modality.digest_detail)
    assert modality.blank(modality.digest(picture)) == told


def test_a_header_tells_how_much_there_is_to_unpack():
    told = ImageModality().unpacked
    assert told(encode(Image.new("L", (300, 200)), "PNG")) == 3 * 300 * 200
    assert told(encode(Image.new("RGB", (30, 20)), "JPEG")[:200]) in (0, 3 * 30 * 20)
    assert told(b"") == told(b"no image") == 0
    bomb = bytearray(encode(Image.new("L", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 100_000, 100_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    assert told(bytes(bomb)) > 2e9
