"""How a field is declared: kind, presence, sentence and the rules between fields."""
