"""The price catalog: facts about the models that providers sell, used by name in a ModelBackend."""
