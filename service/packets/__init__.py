"""Evidence packets: everything a case rests on in one signed zip, and the check that nothing in it was changed.

`keys` is the installation's key, `sealing` packs and signs, `opening` unpacks and checks, `recomputing` derives the
score again. `Packets` makes the packet of a case. A packet is checked without a database, a model or a network.
"""

from service.packets.packets import Packets, open_packets

__all__ = ["Packets", "open_packets"]
