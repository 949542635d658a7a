"""The model that ships with the package, its operating point, card and licence; data, on which no stage depends."""
