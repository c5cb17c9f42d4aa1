"""An independent reading of the clinical pages, on a plain patient: what the cards should be, without their code."""
