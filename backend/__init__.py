"""Masklet: a Label Studio ML backend for video segmentation with SAM 2.

Floors, top to bottom: interfaces, bootstrap, adapters, application, domain.
Imports go downward only; the contracts in `.importlinter` say exactly what may not be imported where.
"""

__version__ = "0.1.0"
