"""The door of the clinical knowledge: everything that a service may use of it."""

from cards.card import Card
from cards.catalogue import ORDER_HOOKS, Catalogue
from cards.compose import EXTENSION
from cards.decision import Decision, Outcome, Result
from cards.decode import Undecodable, decode_resource
from cards.evidence import Answer, Evidence, Hook, Standing
from cards.fhir import Entry, Resource, Search, in_list
from cards.knowledge_base import FOLDER, Knowledge, load_knowledge
from cards.loader import KnowledgeError
from cards.needs import ENCOUNTER_TOKEN, PATIENT_TOKEN, Need, Template
from cards.readers.medicines import medication_reference_of, relative
from cards.sift import own_of
from cards.site import OrderCode, Site

__all__ = [
    "ENCOUNTER_TOKEN",
    "EXTENSION",
    "FOLDER",
    "ORDER_HOOKS",
    "PATIENT_TOKEN",
    "Answer",
    "Card",
    "Catalogue",
    "Decision",
    "Entry",
    "Evidence",
    "Hook",
    "Knowledge",
    "KnowledgeError",
    "Need",
    "OrderCode",
    "Outcome",
    "Resource",
    "Result",
    "Search",
    "Site",
    "Standing",
    "Template",
    "Undecodable",
    "decode_resource",
    "in_list",
    "load_knowledge",
    "medication_reference_of",
    "own_of",
    "relative",
]
