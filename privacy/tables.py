"""The tables of `privacy`, gathered from its rooms: for the inventory of what is held."""

import emoney.privacy.breaches.tables
import emoney.privacy.erasure.tables
import emoney.privacy.keys.tables
import emoney.privacy.pseudonyms.tables
import emoney.privacy.releases.tables
import emoney.privacy.rights.tables
import emoney.privacy.rotation.tables
import emoney.privacy.search.tables
import emoney.privacy.vault.tables  # noqa: F401  mapped there, found here
