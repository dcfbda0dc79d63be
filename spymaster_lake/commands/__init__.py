"""The commands of `spymaster`, grouped as its help shows them."""
