"""LruDict evicts the entry that was used longest ago."""

from weir_runtime.lru import LruDict


def filled(*keys: str, max_entries: int) -> LruDict[str, int]:
    entries: LruDict[str, int] = LruDict(max_entries)
    for number, key in enumerate(keys):
        entries.put(key, number)
    return entries


def test_a_stored_value_is_found() -> None:
    entries = filled("a", "b", max_entries=2)
    assert (entries.get("a"), entries.get("b"), entries.get("c")) == (0, 1, None)


def test_a_value_that_is_false_is_found() -> None:
    entries: LruDict[str, float] = LruDict(1)
    entries.put("a", 0.0)
    assert entries.get("a") == 0.0


def test_the_oldest_entry_is_evicted() -> None:
    entries = filled("a", "b", "c", max_entries=2)
    assert ("a" in entries, "b" in entries, "c" in entries) == (False, True, True)
    assert len(entries) == 2


def test_reading_an_entry_saves_it_from_eviction() -> None:
    entries = filled("a", "b", max_entries=2)
    entries.get("a")
    entries.put("c", 2)
    assert ("a" in entries, "b" in entries) == (True, False)


def test_a_membership_test_does_not_save_an_entry_from_eviction() -> None:
    entries = filled("a", "b", max_entries=2)
    assert "a" in entries
    entries.put("c", 2)
    assert "a" not in entries


def test_storing_a_key_again_replaces_its_value_and_makes_it_the_latest() -> None:
    entries = filled("a", "b", max_entries=2)
    entries.put("a", 7)
    entries.put("c", 2)
    assert (entries.get("a"), entries.get("b"), len(entries)) == (7, None, 2)


def test_a_maximum_of_zero_stores_nothing() -> None:
    entries = filled("a", max_entries=0)
    assert (len(entries), entries.get("a")) == (0, None)


def test_entries_can_be_removed() -> None:
    entries = filled("a", "b", max_entries=2)
    entries.discard("a")
    entries.discard("z")
    assert ("a" in entries, len(entries)) == (False, 1)
    entries.clear()
    assert len(entries) == 0
