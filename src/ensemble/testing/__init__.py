"""What tests of panels need: models that say what they are told, and servers that fail so.

Public, and used by this project's own tests too. The faults a server can be given stand in
`ensemble.testing.faults`, each a small frozen value.
"""

from ensemble.models.scripted import Script, ScriptFault, scripted
from ensemble.testing.fault_server import FaultServer, fault_server
from ensemble.testing.model_server import ModelServer, model_server
from ensemble.testing.obeying import Obedient, Order, obeying

__all__ = [
    "FaultServer",
    "ModelServer",
    "Obedient",
    "Order",
    "Script",
    "ScriptFault",
    "fault_server",
    "model_server",
    "obeying",
    "scripted",
]
