"""`emoney privacy`: the inventory of personal data, the impact assessment, and the keys."""

from emoney.jobs.cli.terminal.groups import group

PARTS: dict[str, dict[str, str]] = {
    "privacy.assessment": {
        "report": "Write the privacy impact assessment, from what columns declare and this database holds.",
        "inventory": "Every column held: category, purpose, legal basis, retention, whether it is sealed.",
    },
    "privacy.keys": {
        "rotate": "Replace keys while everybody reads and writes.",
        "keys": "The key inventory: key-encryption keys, what is under them, and the states of all others.",
        "algorithms": "The algorithm registry: each suite with its reference and whether it may be used.",
        "indexes": "The blind indexes, and what each tells one who has it but not its key.",
        "purposes": "What fields are opened for now, by the approved assessment.",
    },
    "privacy.pseudonyms": {
        "pseudonyms": "Domains of analysis: a subject has another pseudonym in each.",
        "reidentify": "Whom a token stands for: takes two persons.",
    },
    "privacy.release": {
        "release": "Records for analysis: generalised until nobody stands out, or refused.",
    },
    "privacy.count": {
        "count": "Counts for publication: with noise (differential privacy), within a budget.",
    },
    "privacy.rights": {
        "rights": "What persons ask for: access, correction, restriction, objection, erasure.",
        "hold": "Legal holds: what is kept whatever expires.",
    },
    "privacy.retention": {
        "retention": "How long data is kept, and its end: destroyed by two, with a certificate.",
    },
    "privacy.breach": {
        "exposure": "What a lost key or a stolen copy of the database would expose, and what stays sealed.",
        "breach": "Breaches: what was opened in a period; the register and its 72-hour clock.",
    },
}

app = group(
    "Personal data: what is held and leaves, the impact assessment, keys, rights, breaches.", parts=PARTS
)
