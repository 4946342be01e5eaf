"""Why a sealed field may be opened. Each purpose is described in `data/assessment/purposes.yaml`."""

from enum import StrEnum

from privacy.errors import UnknownPurpose


class Purpose(StrEnum):
    """The purposes that openings are logged under."""

    CUSTOMER_DUE_DILIGENCE = "customer due diligence"
    """Identifying a customer and keeping what is known of them current."""
    SCREENING = "screening"
    """Comparing customers with sanctions lists."""
    SUSPICION_REPORT = "suspicion report"
    """Naming the persons in a report to the financial intelligence unit."""
    CUSTOMER_SERVICE = "customer service"
    """Serving a customer at the customer's own request."""
    DATA_SUBJECT_REQUEST = "data subject request"
    """Telling persons what is held about them, or correcting it."""
    AUTHORITY_REQUEST = "authority request"
    """Answering an authority that is entitled to ask."""


def known(purpose: str) -> Purpose:
    """The purpose of this name. Raises UnknownPurpose, naming those there are."""
    try:
        return Purpose(purpose)
    except ValueError:
        choices = ", ".join(Purpose)
    raise UnknownPurpose(f"Fields are not opened for that purpose. Purposes are: {choices}.")
