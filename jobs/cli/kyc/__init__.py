"""`emoney kyc`: enrolment and policy packs."""

from emoney.jobs.cli.terminal.groups import group

PARTS: dict[str, dict[str, str]] = {
    "kyc.persons": {
        "enrol": "Enrol one person and open a wallet at the tier that the details reach.",
        "import": "Enrol everyone in a file.",
        "open-wallet": "Open a further wallet for a person, at the tier that the evidence reaches.",
        "evidence": "What is known of a person, and how.",
        "duplicates": "Records that may be of one person.",
        "reviews": "Risk ratings and periodic reviews.",
    },
    "kyc.packs": {
        "packs": "The policy packs, their validity, and whether every number was read in the legal text.",
        "pack": "One policy pack.",
    },
    "kyc.explain": {
        "explain": "What would happen if a wallet at a tier did something, and by which rule of which text.",
        "headroom": "What a wallet may still do: each rule in force now, its limit, and what is used of it.",
    },
    "kyc.parties": {
        "enrol-entity": "Enrol a legal entity with all who own it.",
        "enrol-minor": "Enrol a minor, for whom an enrolled adult answers.",
        "enrol-agent": "Enrol an agent, a person or an entity, and open the account of its float.",
        "enrol-merchant": "Enrol a merchant, a person or an entity, and open its account.",
        "issue-bearer": "Issue an instrument that whoever holds it uses, without a person.",
        "rectify": "Correct details of a person; what they were is kept, sealed.",
        "versions": "What was corrected of a person, by whom and when; no value is opened.",
        "owners": "Who owns a legal entity, and who is behind it.",
        "business": "The accounts of agents and merchants.",
        "guardian": "Who answers for a minor.",
    },
    "kyc.wallets": {
        "downgrades": "Wallets restricted as above the cap of their tier, or reaching none; with every step.",
        "rebind": "Bind wallets anew whose pack, rates or transitions changed; the job `rebind` does it too.",
        "end-of-day": "Wallets that ended a day above a cap which is measured then.",
        "features": "What a wallet is, as far as limits depend on it.",
        "dormancy": "Wallets long unused: list, exempt, reactivate.",
    },
    "kyc.approvals": {
        "override": "Ask that a wallet be put at a tier that the evidence does not reach, for a time.",
        "freeze": "Stop a wallet.",
        "unfreeze": "Ask that a frozen wallet be let go; freezes of other kinds stand.",
        "approvals": "What takes a second person: requests, approvals, rejections.",
    },
    "kyc.deaths": {
        "death": "The death of a holder: report, verify, release, withdraw.",
    },
    "kyc.providers": {
        "providers": "Whose word evidence may rest on, other than that of two of your staff.",
    },
    "kyc.terms": {
        "terms": "Terms and consent, by version.",
    },
}

app = group("Persons, tiers and policy packs.", parts=PARTS)
