"""Which topic of its name a topic is, by what was told of it."""

from bridge.kafka.consumer.topic_ids import TopicIds, agree, short


def test_a_topic_of_which_another_id_is_told_was_made_anew() -> None:
    """It alone, and for good; the same id told again changes nothing."""
    ids = TopicIds()
    for _ in range(2):
        ids.told("t", 1)
        ids.told("u", 1)
        assert not ids.was_recreated("t")
    for _ in range(2):
        ids.told("t", 2)
        assert ids.now == {"t": 2, "u": 1}
        assert ids.was_recreated("t")
    assert not ids.was_recreated("u")


def test_a_topic_that_was_held_under_another_id_was_made_anew() -> None:
    """This process was not there; a commit told the id."""
    ids = TopicIds()
    ids.told("t", 2)
    ids.replaced("t")
    assert ids.was_recreated("t")


def test_only_two_ids_that_are_known_can_differ() -> None:
    """What Kafka does not tell makes no topic another one."""
    told = [(1, 1), (1, 2), (None, 1), (1, None), (None, None)]
    assert [agree(*two) for two in told] == [True, False, True, True, True]


def test_topics_of_two_clusters_are_never_compared() -> None:
    """A mirror has carried the commits over; begun anew, all of them would be sent again."""
    here, there = short("main", "tJddCjSpTzmGf39UCDRbLw"), short("spare", "5KaE4SRkQCqK3I4FXVPRyQ")
    anew = short("spare", "tJddCjSpTzmGf39UCDRbLw")
    assert (agree(here, there), agree(here, anew), agree(there, anew)) == (True, True, False)


def test_the_short_form_of_an_id_has_32_bits_and_is_the_same_in_every_release() -> None:
    """It stands in commits."""
    assert short("5L6g3nShT-eMCtK--X86sw", "tJddCjSpTzmGf39UCDRbLw") == 1467355352
    assert 0 <= short("other", "5KaE4SRkQCqK3I4FXVPRyQ") < 1 << 32
