"""What the tests against FHIR servers share."""

import pytest

from tests.conftest import ON
from tests.patient_builder import PatientBuilder


@pytest.fixture
def build(knowledge):
    return PatientBuilder(knowledge, ON)
