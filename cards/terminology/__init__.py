"""The door of the terminology: whatever an EHR calls a drug becomes ingredients."""

from cards.terminology.product import (
    Exposure,
    IronIntent,
    IronProduct,
    Naming,
    Product,
    RecognisedBy,
    Route,
)
from cards.terminology.terminology import Terminology, load_terminology

__all__ = [
    "Exposure",
    "IronIntent",
    "IronProduct",
    "Naming",
    "Product",
    "RecognisedBy",
    "Route",
    "Terminology",
    "load_terminology",
]
