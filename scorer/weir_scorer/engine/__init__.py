"""From texts to scores on one device. Knows no wire, no queue and no folder layout."""
