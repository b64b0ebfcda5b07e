"""Types of the files that lie beside articles, and how browsers may open them."""

from __future__ import annotations

IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
}
# Opened in the page or in a tab of their own; everything else is a download.
SHOWN_TYPES = {
    **IMAGE_TYPES,
    ".pdf": "application/pdf",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".mov": "video/quicktime",
    ".vtt": "text/vtt",
    ".txt": "text/plain",
}
DOWNLOAD_TYPE = "application/octet-stream"
# Tags with the attribute that names their file.
MEDIA_TAGS = {"img": "src", "video": "src", "audio": "src", "source": "src", "track": "src"}
