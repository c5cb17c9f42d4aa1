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
from cards.terminology.terminology import Outline, Terminology, load_terminology

__all__ = [
    "Exposure",
    "IronIntent",
    "IronProduct",
    "Naming",
    "Outline",
    "Product",
    "RecognisedBy",
    "Route",
    "Terminology",
    "load_terminology",
]
