"""File formats and files: COCO RLE, atomic writes, SQLite files. Used by several adapters."""
