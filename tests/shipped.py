"""The shipped policy packs, read once for all tests."""

from emoney.kyc import PackLibrary

PACKS = PackLibrary.of()
