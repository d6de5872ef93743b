"""The names in drafts: of mappings, events and properties."""

import pytest

from bridge.mapping.drafting.names import event_of, name_targets, slug, subject_of

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID_OUT"]}


def test_names_are_derived_from_words() -> None:
    """With real-world names of topics, records and symbols."""
    assert slug("shop.Orders_v2") == "shop-orders-v2"
    assert subject_of("com.shop.PaymentRequestAvroModel") == "Payment Request"
    assert subject_of("server.shop.orders.Envelope") == "Order"
    assert subject_of("Event") == "Event"
    assert event_of("Order", "ORDER_PLACED") == "Order Placed"
    assert event_of("Order", "placed") == "Order Placed"


SUBJECTS = [
    ("com.shop.payments.V1", "Payment"),
    ("com.shop.orders.v2.Default", "Order"),
    ("Default", "Order"),
    ("com.shop.OrderV2", "Order"),
    ("server.shop.addresses.Envelope", "Address"),
    ("server.shop.categories.Value", "Category"),
]


@pytest.mark.parametrize(("name", "subject"), SUBJECTS)
def test_an_event_is_named_by_a_word_that_says_something(name: str, subject: str) -> None:
    """A version or a placeholder takes the word of its namespace, in the singular."""
    assert subject_of(name, "shop.orders") == subject


COUNTS = [
    ("addresses", "address_count"),
    ("boxes", "box_count"),
    ("categories", "category_count"),
    ("p_status", "p_status_count"),
    ("items", "item_count"),
    ("gps", "gps_count"),
]


@pytest.mark.parametrize(("name", "target"), COUNTS)
def test_a_count_is_named_in_the_singular(name: str, target: str) -> None:
    """The last letter is not always the plural."""
    assert name_targets("shop.Order", [[name]], ["count"]) == [target]


def test_duplicate_names_get_more_of_their_paths() -> None:
    """And numbers if the longer names are still equal."""
    paths = [["billing", "city"], ["shipping", "city"], ["status"], ["a-b"], ["a_b"]]
    assert name_targets("shop.Order", paths, [""] * 5) == [
        "billing_city",
        "shipping_city",
        "order_status",
        "a_b",
        "a_b_2",
    ]
