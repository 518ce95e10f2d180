"""Video files and page images as frames: probing, indexing, decoding and the cache of fetched media."""
