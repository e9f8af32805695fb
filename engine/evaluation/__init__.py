"""How well scorers find pictures by texts and texts by pictures, on data whose truth is known."""
