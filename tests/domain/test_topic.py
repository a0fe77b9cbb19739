"""How a topic is spelled, and what is no topic."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.topic import MAX_TOPIC_LENGTH, Topics, normalise


@pytest.mark.parametrize(
    "topic",
    ["Array", "C++", "C#", "Two Pointers", "Trees & Graphs", "I/O", "Sorting (fast)", "Bit-manipulation", "O'Reilly",
     "a_b", "v2.0", "Hash Tables, Sets", "7", "Théorie des graphes", "Straße", "Łódź"],
)  # fmt: skip
def test_real_topics_are_kept_as_they_are(topic: str) -> None:
    assert normalise(topic) == topic


@pytest.mark.parametrize(
    ("text", "topic"),
    [("  Array ", "Array"), ("Two   Pointers", "Two Pointers"), ("The\u0301orie", "Théorie"), (" C++", "C++")],
)
def test_a_topic_is_trimmed_and_composed(text: str, topic: str) -> None:
    assert normalise(text) == topic


def test_composed_and_decomposed_spellings_name_the_same_bucket() -> None:
    composed, decomposed = unicodedata.normalize("NFC", "Éléments"), unicodedata.normalize("NFD", "Éléments")
    assert composed != decomposed
    assert normalise(composed) == normalise(decomposed) == composed


@pytest.mark.parametrize(
    "text",
    [
        "\u0410rray",  # Cyrillic capital A
        "\u0391rray",  # Greek capital Alpha
        "Array\u200b",  # zero width space
        "Arr\u200day",  # zero width joiner
        "\u202eyarrA",  # right-to-left override
        "\u2066Array\u2069",  # isolates
        "Array\ufeff",  # byte order mark
        "Array 🎉",
        "👩‍💻",
        "\uff21rray",  # full width
        "\U0001d400rray",  # mathematical bold
        "\ufb01le",  # a ligature
        "Array\u00a0List",  # no-break space
        "easy:Array",
        "Array\n",
        "\tArray",
        "Array\x00",
        "Array\x7f",
        "Array*",
        "{Array}",
        "a\\b",
        'a"b',
        "<b>",
        "a;b",
        "ª",
        "x\u0301",  # a combination that has no letter of its own
        "\ud800",
        "数组",
        "مصفوفة",
    ],
)
def test_look_alikes_invisible_marks_and_separators_are_no_topic(text: str) -> None:
    with pytest.raises(ValueError, match="a topic is made of"):
        normalise(text)


@pytest.mark.parametrize("text", ["", "   ", "x" * (MAX_TOPIC_LENGTH + 1), "x " * 40, "x" * 100_000])
def test_a_topic_that_is_empty_or_too_long_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 characters"):
        normalise(text)


def test_the_length_is_that_of_the_normalised_topic() -> None:
    assert len(normalise("e\u0301" * MAX_TOPIC_LENGTH)) == MAX_TOPIC_LENGTH
    assert normalise(" " * 1000 + "x" * MAX_TOPIC_LENGTH) == "x" * MAX_TOPIC_LENGTH


@given(st.text(max_size=80))
def test_whatever_is_a_topic_stays_one_unchanged(text: str) -> None:
    try:
        topic = normalise(text)
    except ValueError:
        return
    assert normalise(topic) == topic
    assert ":" not in topic
    assert topic.isprintable()
    assert topic == topic.strip()
    assert 1 <= len(topic) <= MAX_TOPIC_LENGTH


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_both_normal_forms_have_the_same_fate(text: str) -> None:
    assert fate(unicodedata.normalize("NFC", text)) == fate(unicodedata.normalize("NFD", text))


def fate(text: str) -> str | None:
    try:
        return normalise(text)
    except ValueError:
        return None


def test_without_configuration_any_topic_goes() -> None:
    assert Topics().canonical(" Anything ") == "Anything"
    assert "Anything" not in Topics()


def test_with_configuration_the_configured_spelling_is_the_canonical_one() -> None:
    topics = Topics(["Array", "Dynamic Programming"])
    assert topics.canonical("dynamic  PROGRAMMING") == "Dynamic Programming"
    assert "Array" in topics
    assert "array" not in topics


def test_with_configuration_other_topics_are_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="not one of the 2 topics"):
        Topics(["Array", "Graph"]).canonical("Tree")


def test_a_bad_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="a topic is made of"):
        Topics(["Array", "no:colons"])


@given(st.lists(st.sampled_from(["Array", "Graph", "C++", "Théorie"]), min_size=1))
def test_letter_case_never_matters_where_topics_are_configured(configured: list[str]) -> None:
    topics = Topics(configured)
    for topic in configured:
        assume(topic.upper().casefold() == topic.casefold())
        assert topics.canonical(topic.upper()) == topics.canonical(topic.lower()) == topic
