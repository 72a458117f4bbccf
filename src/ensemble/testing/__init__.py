"""What tests of panels need: a script in place of a model, and servers that fail as told.

Public, and used by this project's own tests too.
"""

from ensemble.models.scripted import Script, ScriptFault, scripted
from ensemble.testing.model_server import ModelServer, model_server

__all__ = ["ModelServer", "Script", "ScriptFault", "model_server", "scripted"]
