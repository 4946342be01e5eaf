"""Tiers: more evidence never lowers one, and a file's words are mapped or refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import PACKS

from emoney.kyc import Pack, tier_for, tier_named
from emoney.kyc.errors import NoTier, UnknownTier
from emoney.kyc.packs.evidence import EvidenceExpression
from emoney.ledger.base.errors import InvalidInput

KINDS = ["phone", "id_document", "address_proof", "sim_registration_data", "photo"]
some_kinds = st.frozensets(st.sampled_from(KINDS))
distinct_kinds = st.lists(st.sampled_from(KINDS), unique=True, min_size=1)


def _expression(content: dict[str, Any]) -> EvidenceExpression:
    return EvidenceExpression.model_validate(content)


@st.composite
def expressions(draw: st.DrawFn) -> EvidenceExpression:
    content: dict[str, Any] = {}
    for part in draw(st.sets(st.sampled_from(["all", "any", "count"]))):
        kinds = draw(distinct_kinds)
        at_least = draw(st.integers(1, len(kinds)))
        content[part] = {"of": kinds, "at_least": at_least} if part == "count" else kinds
    return _expression(content)


def _place(pack: Pack, kinds: frozenset[str]) -> int:
    try:
        return pack.tiers.index(tier_for(pack, kinds))
    except NoTier:
        return -1


@given(st.sampled_from(PACKS.ids()), some_kinds, some_kinds)
def test_more_evidence_never_lowers_the_tier(
    pack_id: str, kinds: frozenset[str], more: frozenset[str]
) -> None:
    pack = PACKS.pack(pack_id)
    assert _place(pack, kinds | more) >= _place(pack, kinds)


@given(expressions(), some_kinds, some_kinds)
def test_more_evidence_never_loses_an_expression(
    expression: EvidenceExpression, kinds: frozenset[str], more: frozenset[str]
) -> None:
    assert not expression.holds(kinds) or expression.holds(kinds | more)
    assert expression.holds(kinds) == (not expression.missing(kinds))


@given(expressions(), expressions(), some_kinds)
def test_what_implies_another_expression_is_never_enough_without_it(
    one: EvidenceExpression, other: EvidenceExpression, kinds: frozenset[str]
) -> None:
    if one.implies(other) and one.holds(kinds):
        assert other.holds(kinds)
    assert one.implies(one)


@pytest.mark.parametrize(
    ("kinds", "tier"),
    [
        ({"phone"}, "minimum"),  # the pack takes the SIM registration as shown by the number
        ({"phone", "address_proof"}, "minimum"),
        ({"phone", "id_document"}, "medium"),
        ({"phone", "id_document", "address_proof"}, "enhanced"),
    ],
)
def test_ghanaian_tiers(kinds: set[str], tier: str) -> None:
    assert tier_for(PACKS.pack("gh-bog-2024"), kinds).id == tier


@pytest.mark.parametrize("kinds", [set(), {"id_document"}, {"sim_registration_data"}])
def test_no_tier_says_what_is_missing(kinds: set[str]) -> None:
    with pytest.raises(NoTier, match="minimum still needs phone"):
        tier_for(PACKS.pack("gh-bog-2024"), kinds)


@pytest.mark.parametrize(
    ("word", "tier"),
    [
        (None, "minimum"),
        ("", "minimum"),
        ("  ", "minimum"),
        ("0", "minimum"),
        ("1", "medium"),
        (" 2 ", "enhanced"),
        ("medium", "medium"),
    ],
)
def test_a_files_word_for_a_tier(word: str | None, tier: str) -> None:
    assert tier_named(PACKS.pack("gh-bog-2024"), word).id == tier


def test_a_mapping_comes_first() -> None:
    pack = PACKS.pack("gh-bog-2024")
    assert tier_named(pack, "1", {"1": "minimum", "gold": "enhanced"}).id == "minimum"
    assert tier_named(pack, "gold", {"1": "minimum", "gold": "enhanced"}).id == "enhanced"
    assert tier_named(pack, "2", {"1": "minimum"}).id == "enhanced"
    with pytest.raises(UnknownTier, match="has no tier 'golden'"):
        tier_named(pack, "gold", {"gold": "golden"})


@pytest.mark.parametrize("word", ["3", "-1", "01", "1.0", "٢", "Medium", "99999999999"])
def test_any_other_word_is_refused_and_the_error_says_how_to_map_it(word: str) -> None:
    with pytest.raises(UnknownTier) as refused:
        tier_named(PACKS.pack("gh-bog-2024"), word)
    assert isinstance(refused.value, InvalidInput)
    assert "0 or minimum, 1 or medium, 2 or enhanced. Map the word" in str(refused.value)


def test_what_does_not_look_like_a_code_is_not_repeated() -> None:
    with pytest.raises(UnknownTier) as refused:
        tier_named(PACKS.pack("gh-bog-2024"), "Ama Serwaa")
    assert "Ama" not in str(refused.value)
