from __future__ import annotations

import pytest

from crosshash.service.batches import BusyError
from crosshash.service.uploads import Room


def test_room_is_taken_and_given_back_also_after_a_failure() -> None:
    """10 bytes: 6 and 4 fit, one more does not."""
    room = Room(10)
    with room.taken(6):
        with room.taken(4), pytest.raises(BusyError), room.taken(1):
            pass
        with pytest.raises(ValueError, match="broken"), room.taken(4):
            raise ValueError("broken")
        assert room.free == 4
    assert room.free == 10
