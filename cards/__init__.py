"""The door of the clinical knowledge: everything that a service may use of it."""

from cards.card import Card
from cards.catalogue import Catalogue
from cards.compose import EXTENSION
from cards.content import (
    Cell,
    Grid,
    detail_lines,
    drug_rows,
    flat,
    grids,
    limit_rows,
    override_texts,
    reviewed,
    sources_of,
)
from cards.decision import Decision, Outcome, Result
from cards.decode import Undecodable, decode_resource
from cards.evidence import Answer, Evidence, Hook, Standing
from cards.facts import Lab
from cards.fhir import Entry, Resource, Search, in_list
from cards.history import Course, History, PastResult, Threshold
from cards.knowledge_base import FOLDER, Knowledge, load_knowledge
from cards.loader import KnowledgeError
from cards.needs import ENCOUNTER_TOKEN, PATIENT_TOKEN, Need, Template
from cards.readers.drug_names import medication_reference_of, relative
from cards.rule_table import ORDER_HOOKS
from cards.searchset import SEARCHSETS
from cards.sift import own_of
from cards.site import OrderCode, Site

__all__ = [
    "ENCOUNTER_TOKEN",
    "EXTENSION",
    "FOLDER",
    "ORDER_HOOKS",
    "PATIENT_TOKEN",
    "SEARCHSETS",
    "Answer",
    "Card",
    "Catalogue",
    "Cell",
    "Course",
    "Decision",
    "Entry",
    "Evidence",
    "Grid",
    "History",
    "Hook",
    "Knowledge",
    "KnowledgeError",
    "Lab",
    "Need",
    "OrderCode",
    "Outcome",
    "PastResult",
    "Resource",
    "Result",
    "Search",
    "Site",
    "Standing",
    "Template",
    "Threshold",
    "Undecodable",
    "decode_resource",
    "detail_lines",
    "drug_rows",
    "flat",
    "grids",
    "in_list",
    "limit_rows",
    "load_knowledge",
    "medication_reference_of",
    "override_texts",
    "own_of",
    "relative",
    "reviewed",
    "sources_of",
]
