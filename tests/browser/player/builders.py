"""JavaScript that tests of masks share."""

from __future__ import annotations

MASKS = """
    const { MaskCache, BLOCK, MOST_CHARACTERS } = await load('media/mask_cache.js');
    const mask = (object, frame, counts = '04', more = {}) =>
      ({ object, frame, rle: { size: [2, 2], counts }, origin: 'propagated', uncertainty: 0, box: null, ...more });
    const rest = () => new Promise(resume => setTimeout(resume, 20));
    const counts = (cache, frame) =>
      Object.fromEntries(cache.at(frame).map(each => [each.object, each.rle?.counts ?? null]));
"""
