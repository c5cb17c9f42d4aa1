"""The codes of the benchmark's requests: everyday problems, drugs and tests, of interest to a rule or not."""

from typing import NamedTuple


class Code(NamedTuple):
    """A code with its display."""

    code: str
    display: str


class Test(NamedTuple):
    """A laboratory test with a usual value, its unit and its reference range."""

    code: str
    display: str
    unit: str
    value: float
    low: float
    high: float


# The first four matter to some rule: iron loss, kidney, sleep apnoea, attention deficit.
CONDITIONS = (
    Code("K92.2", "Gastrointestinal hemorrhage, unspecified"),
    Code("N18.6", "End stage renal disease"),
    Code("G47.33", "Obstructive sleep apnea (adult) (pediatric)"),
    Code("F90.0", "Attention-deficit hyperactivity disorder, inattentive type"),
    Code("I10", "Essential (primary) hypertension"),
    Code("E11.9", "Type 2 diabetes mellitus without complications"),
    Code("E78.5", "Hyperlipidemia, unspecified"),
    Code("M54.50", "Low back pain, unspecified"),
    Code("J45.909", "Unspecified asthma, uncomplicated"),
    Code("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
    Code("M17.11", "Unilateral primary osteoarthritis, right knee"),
    Code("H52.13", "Myopia, bilateral"),
    Code("L20.9", "Atopic dermatitis, unspecified"),
    Code("J30.2", "Other seasonal allergic rhinitis"),
    Code("Z00.00", "Encounter for general adult medical examination"),
)

# The first five matter to some rule.
DRUGS = (
    Code("995253", "hydroxyzine hydrochloride 25 MG Oral Tablet"),
    Code("859040", "ropinirole 0.5 MG Oral Tablet"),
    Code("310384", "fluoxetine 20 MG Oral Capsule"),
    Code("311700", "mirtazapine 15 MG Oral Tablet"),
    Code("1049630", "diphenhydramine hydrochloride 25 MG Oral Tablet"),
    Code("314076", "lisinopril 10 MG Oral Tablet"),
    Code("861007", "metformin hydrochloride 500 MG Oral Tablet"),
    Code("197361", "amlodipine 5 MG Oral Tablet"),
    Code("966221", "levothyroxine sodium 0.05 MG Oral Tablet"),
    Code("313782", "acetaminophen 325 MG Oral Tablet"),
    Code("310965", "ibuprofen 200 MG Oral Tablet"),
    Code("979480", "losartan potassium 50 MG Oral Tablet"),
    Code("310798", "hydrochlorothiazide 25 MG Oral Tablet"),
    Code("866924", "metoprolol tartrate 25 MG Oral Tablet"),
    Code("617310", "atorvastatin 20 MG Oral Tablet"),
)

TESTS_READ = (
    Test("2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", 48, 15, 150),
    Test("2502-3", "Iron saturation [Mass Fraction] in Serum or Plasma", "%", 24, 15, 50),
    Test("2498-4", "Iron [Mass/volume] in Serum or Plasma", "ug/dL", 80, 50, 170),
    Test("2500-7", "Iron binding capacity [Mass/volume] in Serum or Plasma", "ug/dL", 330, 250, 450),
    Test("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 2, 0, 5),
    Test("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 13.4, 12, 16),
)

ROUTINE_TESTS = (
    Test("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 92, 65, 99),
    Test("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.8, 0.5, 1.1),
    Test("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 4.1, 3.5, 5.1),
    Test("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 140, 136, 145),
    Test("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.8, 4, 5.6),
    Test("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 180, 0, 200),
    Test("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 14, 7, 20),
    Test("1742-6", "Alanine aminotransferase in Serum or Plasma", "U/L", 24, 7, 55),
    Test("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "mIU/L", 2.1, 0.4, 4.5),
    Test("6690-2", "Leukocytes [#/volume] in Blood", "10*3/uL", 6.8, 4.5, 11),
    Test("777-3", "Platelets [#/volume] in Blood", "10*3/uL", 250, 150, 400),
    Test("8480-6", "Systolic blood pressure", "mm[Hg]", 128, 90, 140),
    Test("8867-4", "Heart rate", "/min", 72, 60, 100),
)
