"""Formats of images: which files are taken for images, and which of them are read.

Pillow knows more formats than are read here. Some of its readers start other programs
(PostScript), others are rarely used and little tested: what is not listed is not opened.
"""

from __future__ import annotations

from pathlib import Path

from headstart.said import _

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".jp2", ".j2k", ".ico", ".tga"),
        *(".pbm", ".pgm", ".pnm", ".ppm", ".heic", ".heif", ".hif", ".dcm"),
    )
)
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "PPM"),  # which Pillow opens without loading all its readers
    *("WEBP", "AVIF", "TIFF", "JPEG2000", "DIB", "ICO", "TGA"),
)
"""Pillow's names of what is read. MPO comes with JPEG."""
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_STARTS = (  # of files of the formats above, and of those that are refused by name
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*"),
    *(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"\0\0\1\0"),
    *(b"P%d%c" % (kind, space) for kind in range(1, 7) for space in b" \n\t"),
)


def may_be_image(name: str, head: bytes) -> bool:
    """Judge a file by its suffix or, whatever that is, by its first bytes.

    Examples
    --------
    >>> may_be_image("photo", b"GIF89a..."), may_be_image("notes.txt", b"To do: ...")
    (True, False)
    """
    if Path(name).suffix.lower() in SUFFIXES or head.startswith(_STARTS):
        return True
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or is_heic(head) or head[4:12] == b"ftypavif" or head[128:132] == b"DICM"


def may_be_deep(head: bytes) -> bool:
    """Tell from its first bytes whether an image may have more than 8 bits."""
    if head.startswith(b"\x89PNG"):
        return head[24:25] == b"\x10"
    return head.startswith((b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"P5", b"P2", b"P6", b"P3"))


def is_heic(head: bytes) -> bool:
    """Tell photos of iPhones by their first bytes."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def formats_for(data: bytes) -> tuple[str, ...]:
    """Return Pillow's names of the formats to try; HEIC where the package that reads it is here."""
    if not is_heic(data[:12]):
        return FORMATS
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return FORMATS
    register_heif_opener()
    return ("HEIF",)


def other_format(data: bytes) -> str:
    """Name a format that is not read, with the mend; "" where none is known."""
    if is_heic(data[:12]):
        return _(
            "HEIC: convert it to JPEG, or install what reads it: {command}",
            command="pip install pillow-heif",
        )
    if data[128:132] == b"DICM":
        return _("DICOM: export it as PNG, which keeps up to 16 bits")
    if data.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return _("PostScript, which is not read: export it as PNG")
    if data.startswith(b"%PDF"):
        return _("PDF: export its pages as PNG or JPEG")
    if data.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<html", b"<!doc"):
        return _("not an image but a page or a drawing in text")
    return ""
