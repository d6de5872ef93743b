"""Topic ids, and which topics count as recreated."""

from bridge.kafka.consumer.topic_ids import TopicIds, ids_match, short_id


def test_a_topic_with_a_different_id_is_recreated() -> None:
    """Only that topic, and permanently; the same id again changes nothing."""
    ids = TopicIds()
    for _ in range(2):
        ids.update("t", 1)
        ids.update("u", 1)
        assert not ids.is_recreated("t")
    for _ in range(2):
        ids.update("t", 2)
        assert ids.current == {"t": 2, "u": 1}
        assert ids.is_recreated("t")
    assert not ids.is_recreated("u")


def test_a_topic_assigned_under_another_id_is_recreated() -> None:
    """A commit contained the old id, while this process was not running."""
    ids = TopicIds()
    ids.update("t", 2)
    ids.mark_recreated("t")
    assert ids.is_recreated("t")


def test_only_two_known_ids_can_differ() -> None:
    """An unknown id never makes a topic count as recreated."""
    pairs = [(1, 1), (1, 2), (None, 1), (1, None), (None, None)]
    assert [ids_match(*two) for two in pairs] == [True, False, True, True, True]


def test_topics_of_two_clusters_are_never_compared() -> None:
    """A mirror has copied the commits; starting over would send every event again."""
    on_main, on_spare = (
        short_id("main", "tJddCjSpTzmGf39UCDRbLw"),
        short_id("spare", "5KaE4SRkQCqK3I4FXVPRyQ"),
    )
    recreated = short_id("spare", "tJddCjSpTzmGf39UCDRbLw")
    assert (
        ids_match(on_main, on_spare),
        ids_match(on_main, recreated),
        ids_match(on_spare, recreated),
    ) == (
        True,
        True,
        False,
    )


def test_the_short_id_has_32_bits_and_is_stable_across_releases() -> None:
    """Commits contain it."""
    assert short_id("5L6g3nShT-eMCtK--X86sw", "tJddCjSpTzmGf39UCDRbLw") == 1467355352
    assert 0 <= short_id("other", "5KaE4SRkQCqK3I4FXVPRyQ") < 1 << 32
